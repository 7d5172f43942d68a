/** Typed events. */
import { guarded, type Unsubscribe } from "./store.ts";

export interface ListenOptions {
  signal?: AbortSignal;
}

export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  on<E extends keyof Events>(
    name: E,
    listener: (event: Events[E]) => void,
    options?: ListenOptions,
  ): Unsubscribe {
    const entry = (event: Events[E]) => listener(event);
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set);
    set.add(entry);
    const off = () => {
      set.delete(entry);
      options?.signal?.removeEventListener("abort", off);
    };
    if (options?.signal?.aborted) off();
    else options?.signal?.addEventListener("abort", off, { once: true });
    return off;
  }

  emit<E extends keyof Events>(name: E, event: Events[E]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      guarded(() => (listener as (event: Events[E]) => void)(event));
    }
  }

  /** How many listeners there are, over all events. */
  get size(): number {
    let count = 0;
    for (const set of this.#listeners.values()) count += set.size;
    return count;
  }
}
