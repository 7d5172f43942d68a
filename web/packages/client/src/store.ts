/** A value that can be watched: the shape React's `useSyncExternalStore` wants. */

export type Unsubscribe = () => void;

export interface Store<T> {
  /** The same object until something changes. */
  getSnapshot(): T;
  subscribe(listener: () => void): Unsubscribe;
}

export class Value<T> implements Store<T> {
  #value: T;
  readonly #listeners = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  getSnapshot = (): T => this.#value;

  subscribe = (listener: () => void): Unsubscribe => {
    // Wrapped, so that the same function may subscribe twice.
    const entry = () => listener();
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  };

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) guarded(listener);
  }

  update(change: (value: T) => T): void {
    this.set(change(this.#value));
  }
}

/** A listener's fault is its own: it is reported, and the next one is called. */
export function guarded(call: () => void): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** Appends to a list of at most `most` entries; the oldest go. */
export function appended<T>(list: readonly T[], entry: T, most: number): readonly T[] {
  const next = [...list, entry];
  return next.length > most ? next.slice(next.length - most) : next;
}
