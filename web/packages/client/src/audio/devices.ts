/** Which microphones there are, as a store that follows plugging and unplugging. */
import { type Store, Value } from "../store.ts";

export interface Device {
  id: string;
  /** Empty until the user has allowed a microphone once. */
  label: string;
}

export interface Devices extends Store<readonly Device[]> {
  /** Looks again: labels appear once a microphone was allowed. */
  refresh(): Promise<void>;
  stop(): void;
}

/** Watches the inputs until `stop()`. */
export function watchDevices(): Devices {
  const list = new Value<readonly Device[]>([]);
  const media = typeof navigator === "undefined" ? undefined : navigator.mediaDevices;
  const refresh = async () => {
    const all = (await media?.enumerateDevices().catch(() => [])) ?? [];
    const inputs = all.filter(({ kind }) => kind === "audioinput");
    const next = inputs.map(({ deviceId, label }) => ({ id: deviceId, label }));
    if (JSON.stringify(next) !== JSON.stringify(list.getSnapshot())) list.set(next);
  };
  const changed = () => void refresh();
  media?.addEventListener?.("devicechange", changed);
  changed();
  return {
    getSnapshot: list.getSnapshot,
    subscribe: list.subscribe,
    refresh,
    stop: () => media?.removeEventListener?.("devicechange", changed),
  };
}
