/** The one error class, and which codes may be tried again. Texts are in `texts.ts`. */
import { type ServerErrorCode, TEMPORARY } from "./protocol.ts";

/** Codes that this library gives, not the server. */
export type LocalErrorCode =
  /** No server was reached, or the connection broke. */
  | "connection_lost"
  /** The server did not answer a request, or accept a connection, in time. */
  | "request_timeout"
  /** Nobody called `connect`. */
  | "not_connected"
  /** A newer connection of the same user took the seat. */
  | "replaced"
  /** Too many requests wait for the connection. */
  | "outbox_full"
  /** The caller gave up, or `disconnect` was called. */
  | "canceled"
  /** `getToken` refused. */
  | "token_denied"
  /** Reconnecting was given up. */
  | "gave_up"
  /** The server answered something this library does not understand. */
  | "bad_answer"
  | "microphone_denied"
  | "microphone_missing"
  | "microphone_busy"
  | "microphone_lost"
  | "insecure_page"
  | "audio_unsupported";

export type ErrorCode = ServerErrorCode | LocalErrorCode | (string & {});

export interface ErrorDetails {
  retryAfterMs?: number | undefined;
  closeCode?: number | undefined;
  httpStatus?: number | undefined;
  detail?: Record<string, unknown> | undefined;
  cause?: unknown;
}

const AGAIN: readonly string[] = [
  ...TEMPORARY,
  "connection_lost",
  "request_timeout",
  "outbox_full",
];

/** Everything this library rejects with. `code` is stable; `message` is for a person. */
export class GreenroomError extends Error {
  override readonly name = "GreenroomError";
  readonly code: ErrorCode;
  /** The same thing may succeed later. */
  readonly retryable: boolean;
  /** Milliseconds to wait before trying again, where the server says so. */
  readonly retryAfterMs: number | undefined;
  readonly closeCode: number | undefined;
  readonly httpStatus: number | undefined;
  /** Further fields of the server's answer, such as `activeSessionId` of `session_active`. */
  readonly detail: Record<string, unknown>;

  constructor(code: ErrorCode, message?: string, details: ErrorDetails = {}) {
    super(message || code, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.retryable = AGAIN.includes(code);
    this.retryAfterMs = details.retryAfterMs;
    this.closeCode = details.closeCode;
    this.httpStatus = details.httpStatus;
    this.detail = details.detail ?? {};
  }

  /** What a developer should do about it, one sentence. Loads the texts when first asked. */
  async remedy(): Promise<string> {
    const { remedyFor } = await import("./texts.ts");
    return remedyFor(this.code);
  }
}

/** Thrown by `getToken` to say: do not ask again. */
export class TokenDeniedError extends GreenroomError {
  constructor(message = "No token was given.") {
    super("token_denied", message);
  }
}

/** An error of the server's making. */
export function refusal(message: {
  code: string;
  message: string;
  retryAfterMs?: number;
  type?: unknown;
  ref?: unknown;
}): GreenroomError {
  const { code, message: text, retryAfterMs, type: _, ref: __, ...detail } = message;
  return new GreenroomError(code, text, { retryAfterMs, detail });
}
