"use client";
/** A microphone in a component: asked for on a click, let go on unmount. */
import type { ClientEvents, GreenroomError, InterviewSession } from "@greenroom/client";
import type {
  Device,
  Devices,
  Microphone,
  MicrophoneOptions,
  MicrophoneState,
  Publication,
} from "@greenroom/client/audio";
import { useCallback, useEffect, useRef, useState } from "react";
import { useClient } from "./context.tsx";
import { useStore } from "./stores.ts";
import { useLatest } from "./use-exit.ts";

export interface UseMicrophone {
  status: MicrophoneState["status"] | "off" | "starting" | "failed";
  microphone: Microphone | null;
  devices: readonly Device[];
  deviceId: string;
  error: GreenroomError | null;
  /** Call it from a click. Resolves with null where it failed: see `error`. */
  start(deviceId?: string): Promise<Microphone | null>;
  /** Another device, also after the first was lost. */
  select(deviceId: string): Promise<void>;
  stop(): void;
}

const OFF: MicrophoneState = { status: "stopped", deviceId: "", deviceLabel: "" };
const NONE: readonly Device[] = [];

/** Loads the audio part of the client when first started. */
export function useMicrophone(options: MicrophoneOptions = {}): UseMicrophone {
  const latest = useLatest(options);
  const [microphone, setMicrophone] = useState<Microphone | null>(null);
  const [devices, setDevices] = useState<Devices | null>(null);
  const [phase, setPhase] = useState<"off" | "starting" | "failed" | "on">("off");
  const [error, setError] = useState<GreenroomError | null>(null);
  const mounted = useRef(0);
  const held = useRef<Microphone | null>(null);
  const state = useStore(microphone?.state ?? null, OFF);
  const list = useStore(devices, NONE);

  useEffect(() => {
    mounted.current += 1;
    let watched: Devices | undefined;
    void import("@greenroom/client/audio").then(({ watchDevices }) => {
      if (mounted.current === 0 || watched) return;
      watched = watchDevices();
      setDevices(watched);
    });
    return () => {
      mounted.current -= 1;
      watched?.stop();
      held.current?.stop();
      held.current = null;
    };
  }, []);

  const start = useCallback(
    async (deviceId?: string) => {
      setPhase("starting");
      setError(null);
      try {
        const { createMicrophone } = await import("@greenroom/client/audio");
        const { current } = latest;
        const made = await createMicrophone(deviceId ? { ...current, deviceId } : current);
        if (mounted.current === 0) {
          made.stop();
          return null;
        }
        held.current?.stop();
        held.current = made;
        setMicrophone(made);
        setPhase("on");
        void devices?.refresh();
        return made;
      } catch (cause) {
        setError(cause as GreenroomError);
        setPhase("failed");
        return null;
      }
    },
    [latest, devices],
  );

  const select = useCallback(
    async (deviceId: string) => {
      const { current } = held;
      if (!current) return void (await start(deviceId));
      try {
        setError(null);
        await current.switchDevice(deviceId);
      } catch (cause) {
        setError(cause as GreenroomError);
      }
    },
    [start],
  );

  const stop = useCallback(() => {
    held.current?.stop();
    held.current = null;
    setMicrophone(null);
    setPhase("off");
  }, []);

  return {
    status: phase === "on" ? state.status : phase,
    microphone,
    devices: list,
    deviceId: state.deviceId,
    error,
    start,
    select,
    stop,
  };
}

/** Sends the microphone into the session while both are there. */
export function usePublish(
  session: InterviewSession | null,
  microphone: Microphone | null,
): Publication | null {
  const [publication, setPublication] = useState<Publication | null>(null);
  useEffect(() => {
    if (!session || !microphone) return;
    let gone = false;
    let made: Publication | undefined;
    void import("@greenroom/client/audio").then(({ publish }) => {
      if (gone) return;
      made = publish(session, microphone);
      setPublication(made);
    });
    return () => {
      gone = true;
      setPublication(null);
      void made?.stop();
    };
  }, [session, microphone]);
  return publication;
}

/** A ref that keeps `--level` (0 to 1) of an element up to date, without rendering. */
export function useLevelMeter(
  microphone: Microphone | null,
): (element: HTMLElement | null) => void {
  const off = useRef<(() => void) | undefined>(undefined);
  return useCallback(
    (element: HTMLElement | null) => {
      off.current?.();
      off.current = undefined;
      if (!element || !microphone) return;
      off.current = microphone.onLevel(({ rms }) => {
        // As ears hear: -60 dB is nothing, 0 dB is full.
        const level = rms > 0 ? Math.max(0, 1 + Math.log10(rms) / 3) : 0;
        element.style.setProperty("--level", level.toFixed(3));
      });
    },
    [microphone],
  );
}

/** Calls the newest `handler` for each event of the client. */
export function useClientEvent<E extends keyof ClientEvents>(
  name: E,
  handler: (event: ClientEvents[E]) => void,
): void {
  const client = useClient();
  const latest = useLatest(handler);
  useEffect(() => client.on(name, (event) => latest.current(event)), [client, name, latest]);
}
