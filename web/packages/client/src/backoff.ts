/** How long to wait before the next attempt. */

export interface BackoffOptions {
  /** Upper bound of the first wait, milliseconds. Default 500. */
  minDelayMs: number;
  /** Upper bound of every wait. Default 20,000. */
  maxDelayMs: number;
  /** Give up after so long without a connection. Default: never. */
  maxElapsedMs: number;
}

export const BACKOFF: BackoffOptions = {
  minDelayMs: 500,
  maxDelayMs: 20_000,
  maxElapsedMs: Number.POSITIVE_INFINITY,
};

/** Full jitter: anything from 0 to a bound that doubles. `attempt` counts from 1. */
export function delayOf(attempt: number, options: BackoffOptions, random = Math.random): number {
  const bound = Math.min(options.maxDelayMs, options.minDelayMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(random() * bound);
}
