/** What the page lives through, turned into calls: hidden, visible, left, back, offline, online. */

export interface PageEvents {
  hidden(): void;
  visible(): void;
  /** The page is left for good, frozen, or put into the back/forward cache. */
  left(): void;
  /** It came back from there. */
  back(): void;
  online(): void;
  offline(): void;
}

/** Listens until the returned function is called. Does nothing where there is no page. */
export function watchPage(on: PageEvents): () => void {
  if (typeof document === "undefined" || typeof addEventListener === "undefined") return () => {};
  const stop = new AbortController();
  const { signal } = stop;
  let away = false;
  const leave = () => {
    if (away) return;
    away = true;
    on.left();
  };
  const back = () => {
    if (!away) return;
    away = false;
    on.back();
  };
  document.addEventListener(
    "visibilitychange",
    () => (document.visibilityState === "hidden" ? on.hidden() : on.visible()),
    { signal },
  );
  document.addEventListener("freeze", leave, { signal });
  document.addEventListener("resume", back, { signal });
  addEventListener("pagehide", leave, { signal });
  addEventListener("pageshow", back, { signal });
  addEventListener("online", () => on.online(), { signal });
  addEventListener("offline", () => on.offline(), { signal });
  return () => stop.abort();
}

/** Whether the page cannot be seen. Without a page: it can. */
export function isHidden(): boolean {
  return typeof document !== "undefined" && document.visibilityState === "hidden";
}
