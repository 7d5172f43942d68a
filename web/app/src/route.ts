// Which page an address means. Five pages do not need more than this.
import { useSyncExternalStore } from "react";

export type Route =
  | { page: "home" }
  | { page: "check" }
  | { page: "interview"; id: string | null }
  | { page: "watch"; ids: string[] }
  | { page: "report"; id: string }
  | { page: "admin"; part: string }
  | { page: "nowhere" };

export function parse(path: string): Route {
  const [first = "", second = "", ...rest] = path.split("/").filter(Boolean).map(decode);
  if (rest.length > 0) return { page: "nowhere" };
  switch (first) {
    case "":
      return { page: "home" };
    case "check":
      return second ? { page: "nowhere" } : { page: "check" };
    case "interview":
      return { page: "interview", id: second || null };
    case "watch":
      return { page: "watch", ids: second.split(",").filter(Boolean) };
    case "report":
      return second ? { page: "report", id: second } : { page: "nowhere" };
    case "admin":
      return { page: "admin", part: second || "live" };
    default:
      return { page: "nowhere" };
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const listeners = new Set<() => void>();

function subscribe(listener: () => void) {
  listeners.add(listener);
  addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    removeEventListener("popstate", listener);
  };
}

/** The address as it is now. */
export function usePath(): string {
  const whole = useSyncExternalStore(subscribe, () => location.pathname + location.search);
  return whole.split("?")[0] ?? "";
}

/** Goes to another page of the app without loading anything. */
export function go(path: string, replace = false) {
  if (path === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", path);
  for (const listener of [...listeners]) listener();
}
