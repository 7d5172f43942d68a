// The microphone across the steps of an interview: asked for by a click, kept when the page goes on,
// named by what is wrong with it. What sound is and how it is sent is the SDK's.
import {
  createMicrophone,
  type Device as Input,
  type Microphone,
  watchDevices,
} from "@greenroom/client/audio";
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { codeOf } from "../session.ts";
import { trouble } from "../texts.ts";
import { type LevelSource, shown } from "../ui/Level.tsx";

export type Trouble =
  | "denied"
  | "missing"
  | "busy"
  | "insecure"
  | "lost"
  | "silent"
  | "paused"
  | "failed";

const TROUBLES: Record<string, Trouble> = {
  microphone_denied: "denied",
  microphone_missing: "missing",
  microphone_busy: "busy",
  microphone_lost: "lost",
  insecure_page: "insecure",
};

export const aboutTrouble = (what: Trouble) => trouble[what];

/** What the browser calls the inputs, without the doubles it adds. */
export interface Device {
  id: string;
  name: string;
}

export interface Mic {
  status: "off" | "asking" | "on" | "muted";
  trouble: Trouble | null;
  microphone: Microphone | null;
  level: LevelSource | null;
  deviceId: string;
  devices: readonly Device[];
  turnOn(deviceId?: string): Promise<void>;
  choose(deviceId: string): Promise<void>;
  mute(): void;
  unmute(): void;
  turnOff(): void;
}

const AS_TROUBLE: Record<string, Trouble> = {
  lost: "lost",
  silent: "silent",
  interrupted: "paused",
};

const nothing = () => () => {};
const nobody = () => null;
const REMEMBER = "greenroom.microphone";

export function useMicrophone(): Mic {
  const [microphone, setMicrophone] = useState<Microphone | null>(null);
  const [asking, setAsking] = useState(false);
  const [failed, setFailed] = useState<Trouble | null>(null);
  const current = useRef<Microphone | null>(null);

  const turnOff = useCallback(() => {
    current.current?.stop();
    current.current = null;
    setMicrophone(null);
  }, []);
  useEffect(() => turnOff, [turnOff]);

  const turnOn = useCallback(async (deviceId?: string) => {
    setAsking(true);
    setFailed(null);
    try {
      const wanted = deviceId ?? localStorage.getItem(REMEMBER) ?? undefined;
      const opened = await createMicrophone(wanted ? { deviceId: wanted } : {});
      current.current?.stop();
      current.current = opened;
      setMicrophone(opened);
    } catch (error) {
      setFailed(TROUBLES[codeOf(error)] ?? "failed");
    } finally {
      setAsking(false);
    }
  }, []);

  const choose = useCallback(
    async (deviceId: string) => {
      localStorage.setItem(REMEMBER, deviceId);
      const open = current.current;
      if (!open) return turnOn(deviceId);
      try {
        setFailed(null);
        await open.switchDevice(deviceId);
      } catch (error) {
        setFailed(TROUBLES[codeOf(error)] ?? "failed");
      }
    },
    [turnOn],
  );

  const state = useSyncExternalStore(
    microphone?.state.subscribe ?? nothing,
    microphone?.state.getSnapshot ?? nobody,
  );
  const devices = useDevices(microphone);
  const level = useMemo(
    () => (microphone ? { read: () => microphone.level().rms } : null),
    [microphone],
  );
  const now = state?.status ?? "stopped";
  return {
    microphone,
    level,
    devices,
    deviceId: state?.deviceId ?? "",
    status: asking
      ? "asking"
      : now === "muted"
        ? "muted"
        : now === "live" || now === "silent"
          ? "on"
          : "off",
    trouble: failed ?? AS_TROUBLE[now] ?? null,
    turnOn,
    choose,
    mute: () => microphone?.mute(),
    unmute: () => microphone?.unmute(),
    turnOff,
  };
}

function useDevices(microphone: Microphone | null): readonly Device[] {
  const [found, setFound] = useState<readonly Input[]>([]);
  const inputs = useRef<ReturnType<typeof watchDevices> | null>(null);
  useEffect(() => {
    const watched = watchDevices();
    inputs.current = watched;
    const off = watched.subscribe(() => setFound(watched.getSnapshot()));
    return () => {
      off();
      watched.stop();
    };
  }, []);
  // Names are told once a microphone was allowed.
  useEffect(() => {
    if (microphone) void inputs.current?.refresh();
  }, [microphone]);
  return useMemo(() => named(found), [found]);
}

function named(inputs: readonly Input[]): Device[] {
  // Windows lists one for calls besides; it is one of the others.
  const real = inputs.filter(({ id }) => id !== "" && id !== "communications");
  return real.map(({ id, label }, n) => ({ id, name: label || `${n + 1}` }));
}

/** True once somebody was clearly heard for a second. */
export function useHeard(level: LevelSource | null): boolean {
  const [heard, setHeard] = useState(false);
  useEffect(() => {
    if (!level || heard) return;
    let loud = 0;
    const timer = setInterval(() => {
      loud = shown(level.read()) > 0.3 ? loud + 1 : Math.max(0, loud - 0.25);
      if (loud >= 8) setHeard(true);
    }, 100);
    return () => clearInterval(timer);
  }, [level, heard]);
  return heard;
}
