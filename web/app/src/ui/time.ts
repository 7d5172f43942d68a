// How time that is left is told.
import { live } from "../texts.ts";

/** Minutes first, seconds only in the last one. */
export function left(ms: number): string {
  if (ms <= 0) return live.timeUp;
  if (ms > 60_000) return live.minutes(Math.ceil(ms / 60_000));
  return live.seconds(Math.ceil(ms / 1000));
}

/** Warned from here on: half of a short time, a minute of a long one, never less than 20 s. */
export const warnFrom = (whole: number) => Math.max(20_000, Math.min(60_000, whole / 2));
