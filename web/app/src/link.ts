// The link somebody came with. It carries who they are behind the `#`, which browsers never send
// anywhere; it is taken out of the address at once and kept for this tab only.

const KEEP = "greenroom.link";
/** Marks that this tab is in an interview, so that loading it again goes straight back in. */
export const INSIDE = "greenroom.inside";
/** Marks that the interview was just moved here from another device. */
export const MOVED = "greenroom.moved";

export interface Link {
  /** Sent with everything. */
  key: string;
  user: string;
  name: string | null;
  role: string | null;
  /** The one interview it is for, if it is for one. */
  only: string | null;
  /** When it stops working, milliseconds. */
  until: number | null;
}

/** What a key says about its owner. The server judges it; this is only to show the right page. */
export function read(key: string): Link | null {
  const middle = key.split(".")[1];
  if (!middle) return null;
  try {
    const bytes = Uint8Array.from(atob(middle.replaceAll("-", "+").replaceAll("_", "/")), (c) =>
      c.charCodeAt(0),
    );
    const claims = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    const text = (name: string) =>
      typeof claims[name] === "string" ? (claims[name] as string) : null;
    const user = text("sub");
    if (!user) return null;
    const until = typeof claims.exp === "number" ? claims.exp * 1000 : null;
    return { key, user, name: text("name"), role: text("role"), only: text("session"), until };
  } catch {
    return null;
  }
}

/** The key in the address, which is cleaned of it; else the one this tab came with before. */
export function take(): Link | null {
  const inside = new URLSearchParams(location.hash.slice(1)).get("token");
  if (inside) {
    history.replaceState(history.state, "", location.pathname + location.search);
    try {
      sessionStorage.setItem(KEEP, inside);
    } catch {
      // Without storage the link works until the page is loaded again.
    }
    return read(inside);
  }
  try {
    return read(sessionStorage.getItem(KEEP) ?? "");
  } catch {
    return null;
  }
}

/** Where a pasted link leads inside this app; none: it is no link of ours. */
export function inside(text: string): string | null {
  try {
    const url = new URL(text.trim());
    if (url.origin !== location.origin) return null;
    return url.pathname + url.search + url.hash;
  } catch {
    return null;
  }
}

/** A code from another device as it may be typed, or the code in a pasted link; none: neither. */
export function codeIn(text: string): string | null {
  const inLink = new URLSearchParams(inside(text)?.split(/[?#]/)[1] ?? "").get("transfer");
  const plain = (inLink ?? text).replace(/[\s-]/g, "").toUpperCase();
  return /^[A-Z0-9]{10}$/.test(plain) ? plain : null;
}

/** In two parts, as people read it to each other. */
export const spelled = (code: string) => `${code.slice(0, 5)}-${code.slice(5)}`;

/** The rest of the move is a load: the key is taken as any other link's. */
export function moveHere(to: { sessionId: string; token: string }) {
  try {
    sessionStorage.setItem(INSIDE, to.sessionId);
    sessionStorage.setItem(MOVED, "");
  } catch {
    // Without storage the recovery card asks once more.
  }
  location.assign(`/interview/${encodeURIComponent(to.sessionId)}#token=${to.token}`);
}
