// Waiting for something, with a limit; never for a time.
import assert from "node:assert/strict";

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Asks until it is so. What it was last goes into the error. */
export async function until(what, ms, ask) {
  const limit = Date.now() + ms;
  let last;
  while (Date.now() < limit) {
    last = await ask();
    if (last) return last;
    await pause(50);
  }
  assert.fail(`not within ${ms} ms: ${what} (last: ${JSON.stringify(last)})`);
}

export function quantile(values, part) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN;
}
