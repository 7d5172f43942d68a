"use client";
/** From the client's stores to React, without tearing and with a snapshot for the server. */
import type { Store } from "@greenroom/client";
import { useCallback, useSyncExternalStore } from "react";

/** The value of a store; of none, `fallback` (always the same object, please). */
export function useStore<T>(store: Store<T> | null, fallback: T): T {
  const subscribe = useCallback(
    (changed: () => void) => store?.subscribe(changed) ?? (() => {}),
    [store],
  );
  const read = useCallback(() => (store ? store.getSnapshot() : fallback), [store, fallback]);
  // What the server rendered: nothing has happened there.
  const initial = useCallback(() => fallback, [fallback]);
  return useSyncExternalStore(subscribe, read, initial);
}
