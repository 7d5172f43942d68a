/** Tries what an interview needs, step by step, in words a person can send to support. */
import type { GreenroomClient } from "./client.ts";
import { GreenroomError } from "./errors.ts";

export interface DiagnosticStep {
  id: "secure" | "http" | "connect" | "round_trip" | "microphone";
  state: "passed" | "failed" | "skipped";
  /** What was found. */
  text: string;
  ms: number;
  error: GreenroomError | null;
}

export interface DiagnoseOptions {
  /** Also asks for the microphone. Default false. */
  microphone?: boolean;
  signal?: AbortSignal;
}

const PINGS = 5;

/** Yields each step when it is done. Connects the client and leaves it connected. */
export async function* diagnose(
  client: GreenroomClient,
  options: DiagnoseOptions = {},
): AsyncGenerator<DiagnosticStep> {
  const { signal } = options;
  const checks: [DiagnosticStep["id"], () => Promise<string | null>][] = [
    ["secure", async () => secure()],
    ["http", async () => `${(await client.api.plans(signal ? { signal } : {})).length} plans.`],
    ["connect", async () => connected(client)],
    ["round_trip", async () => roundTrips(client, signal)],
    ["microphone", async () => (options.microphone ? microphone() : null)],
  ];
  for (const [id, check] of checks) {
    if (signal?.aborted) return;
    const from = performance.now();
    let step: Pick<DiagnosticStep, "state" | "text" | "error">;
    try {
      const text = await check();
      step = { state: text === null ? "skipped" : "passed", text: text ?? "", error: null };
    } catch (cause) {
      const error =
        cause instanceof GreenroomError
          ? cause
          : new GreenroomError("internal", String(cause), { cause });
      step = { state: "failed", text: `${error.message} ${await error.remedy()}`, error };
    }
    yield { id, ms: Math.round(performance.now() - from), ...step };
  }
}

function secure(): string | null {
  if (typeof isSecureContext === "undefined") return null;
  if (isSecureContext) return "The page is secure.";
  throw new GreenroomError("insecure_page", "The page is not secure.");
}

async function connected(client: GreenroomClient): Promise<string> {
  await client.connect();
  return "Connected.";
}

async function roundTrips(client: GreenroomClient, signal?: AbortSignal): Promise<string> {
  const times: number[] = [];
  for (let n = 0; n < PINGS; n += 1) times.push(await client.ping(signal ? { signal } : {}));
  times.sort((a, b) => a - b);
  const shown = [times[0], times[Math.floor(PINGS / 2)], times[PINGS - 1]];
  const [least, middle, most] = shown.map((ms) => Math.round(ms ?? 0));
  return `${middle} ms (${least} to ${most}).`;
}

async function microphone(): Promise<string> {
  const { createMicrophone } = await import("./audio/microphone.ts");
  const opened = await createMicrophone();
  const { deviceLabel } = opened.state.getSnapshot();
  opened.stop();
  return deviceLabel || "A microphone was found.";
}
