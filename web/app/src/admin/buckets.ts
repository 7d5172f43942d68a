// Ends of interviews sorted by time and kind, for the drawing and its table.
import type { Reason } from "../texts.ts";

/** What an end says about the server: meant so, earlier than planned, or broken. */
export type Kind = "good" | "early" | "broken";

export function kindOf(reason: Reason): Kind {
  switch (reason) {
    case "completed":
    case "interviewer_ended":
    case "candidate_ended":
    case "max_duration":
      return "good";
    case "server_crash":
    case "store_lost":
    case "internal_error":
    case "upload_timeout":
      return "broken";
    default:
      return "early";
  }
}

export interface Bucket {
  from: number;
  counts: Partial<Record<Reason, number>>;
}

/** The stretches from `first` on, the empty ones, too, that the server leaves out. */
export function filled(
  found: readonly { from: number; reasons: Bucket["counts"] }[],
  first: number,
  count: number,
  width: number,
): Bucket[] {
  const known = new Map(found.map(({ from, reasons }) => [from, reasons]));
  return Array.from({ length: count }, (_, n) => {
    const from = first + n * width;
    return { from, counts: known.get(from) ?? {} };
  });
}

/** A step of 1, 2 or 5 times a power of ten, so that at most five lines are drawn. */
export function step(max: number): number {
  const rough = Math.max(1, max / 5);
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough) ?? rough;
}
