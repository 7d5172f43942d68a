/**
 * Resume keys, kept over a reload of the page and never shared by two pages.
 *
 * A reload keeps `sessionStorage`, and so does "duplicate this tab". They are told apart by a lock
 * that a page holds while it lives (or, where there are no locks, by a mark that it sets when it is
 * left): what belongs to a page that still lives is a copy, and is dropped.
 */
import type { Resume } from "./protocol.ts";

export type KeyStorage = Pick<Storage, "getItem" | "setItem" | "removeItem">;

interface Kept extends Resume {
  /** The page that wrote it. */
  page: string;
  /** That page was left in an orderly way. */
  left?: boolean;
}

const PREFIX = "greenroom:";

export class Vault {
  readonly #storage: KeyStorage | null;
  readonly #page: string;
  readonly #kept = new Map<string, Kept>();
  #unlock: (() => void) | undefined;

  constructor(storage: KeyStorage | null, page: string) {
    this.#storage = storage;
    this.#page = page;
  }

  /** What an earlier life of this page left for the session; taken over, or dropped if it is a copy. */
  async take(sessionId: string): Promise<Resume | null> {
    const kept = this.#read(sessionId);
    if (!kept) return null;
    if (kept.page !== this.#page && !(await this.#isFree(kept))) {
      this.#write(sessionId, null);
      return null;
    }
    return { key: kept.key, epoch: kept.epoch, seq: kept.seq };
  }

  keep(sessionId: string, resume: Resume): void {
    const kept = { ...resume, page: this.#page };
    this.#kept.set(sessionId, kept);
    this.#write(sessionId, kept);
    this.#lock();
  }

  drop(sessionId: string): void {
    if (this.#kept.delete(sessionId) || this.#read(sessionId)) this.#write(sessionId, null);
    if (this.#kept.size === 0) this.#release();
  }

  /** The page is being left: what is kept is free for whoever comes next. */
  leave(): void {
    for (const [sessionId, kept] of this.#kept) this.#write(sessionId, { ...kept, left: true });
    this.#release();
  }

  /** The page came back from the back/forward cache. */
  back(): void {
    for (const [sessionId, kept] of this.#kept) this.#write(sessionId, kept);
    if (this.#kept.size > 0) this.#lock();
  }

  async #isFree(kept: Kept): Promise<boolean> {
    const locks = lockManager();
    if (!locks) return kept.left === true;
    return locks.request(PREFIX + kept.page, { ifAvailable: true }, (lock) => lock !== null);
  }

  #lock(): void {
    if (this.#unlock) return;
    const locks = lockManager();
    const held = new Promise<void>((resolve) => {
      this.#unlock = resolve;
    });
    locks?.request(PREFIX + this.#page, () => held).catch(() => {});
  }

  #release(): void {
    this.#unlock?.();
    this.#unlock = undefined;
  }

  #read(sessionId: string): Kept | null {
    try {
      const text = this.#storage?.getItem(PREFIX + sessionId);
      const kept = text ? JSON.parse(text) : null;
      return typeof kept?.key === "string" ? kept : null;
    } catch {
      return null;
    }
  }

  /** Storage that is full or forbidden costs the resume after a reload, nothing else. */
  #write(sessionId: string, kept: Kept | null): void {
    try {
      if (kept) this.#storage?.setItem(PREFIX + sessionId, JSON.stringify(kept));
      else this.#storage?.removeItem(PREFIX + sessionId);
    } catch {}
  }
}

function lockManager(): LockManager | undefined {
  return typeof navigator === "undefined" ? undefined : navigator.locks;
}
