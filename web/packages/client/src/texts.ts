/** What a developer should do about each code. Loaded only when asked for. */
import { ERRORS, type Remedy } from "./protocol.gen.ts";

/** For codes without a better text of their own. */
const BY_REMEDY: Readonly<Record<Remedy, string>> = {
  fix: "Correct the request; repeating it changes nothing.",
  new_token: "Give the client a `getToken` that returns a fresh token.",
  look_again: "Look at the session's state again, then decide.",
  retry: "Try again, after `retryAfterMs` where it is given.",
  give_up: "Nothing a program can do: tell the user.",
};

const REMEDIES: Readonly<Record<string, string>> = {
  auth_required: "Give the client a `token` or a `getToken`.",
  bad_answer: "Check that `url` is the address of a Greenroom server and no proxy answers for it.",
  bad_audio: "Send pcm16 with two bytes a sample, or a whole WAV file, and valid base64.",
  bad_json: "This is a fault of the client library: please report it.",
  bad_transition: "Look at the session's status first; it only moves forward.",
  busy: "Wait for `retryAfterMs`; the client repeats the request by itself.",
  canceled: "Nothing: you asked for it.",
  connection_lost: "Nothing: the client reconnects and resumes. Show the state to the user.",
  draining: "Nothing: the client comes back when the server told it to.",
  gave_up: "Call `connect()` when the user asks for it, or allow more time in `reconnect`.",
  insecure_page: "Serve the page over https, or from localhost: microphones need it.",
  internal: "Look into the server's log for this session id.",
  invalid_field: "Correct the field that the message names.",
  limited: "Open fewer connections; one client serves many sessions.",
  microphone_busy: "Ask the user to close other programs that use the microphone.",
  microphone_denied: "Explain how to allow the microphone, then let the user try again.",
  microphone_lost: "Offer another device or typing; the session goes on.",
  microphone_missing: "Ask the user to plug in a microphone, or offer typing.",
  missing_field: "Add the field that the message names.",
  no_extension: "Offer more time only where the plan grants it.",
  no_open_question: "Nothing: the question was closed meanwhile.",
  not_allowed: "Check the role in the token, or the session's participants.",
  not_connected: "Call `connect()` before this.",
  not_in_session: "Call `session.join()` before this.",
  not_supported: "Update the server, or do without.",
  origin_not_allowed: "Add the page's origin to the server's FRONTEND_URL.",
  outbox_full: "Do not repeat requests by yourself; wait for their answers.",
  plan_not_found: "Take an id from `client.api.plans()`.",
  rate_limited: "Send less often.",
  replaced:
    "Tell the user that the interview was opened elsewhere; `session.join()` takes it back.",
  request_timeout: "Show the state to the user; try again.",
  room_full: "Let somebody leave first.",
  session_active: "Offer to continue or clear the session in `detail.activeSessionId`.",
  session_ended: "Show the end; `client.api.session(id)` knows the reason.",
  session_not_found: "Check the id, and that the token's user is invited to it.",
  session_required: "Use `client.session(id)` for requests.",
  speech_unavailable: "Run `greenroom models get` on the server.",
  store_unavailable: "Nothing: the server tries again; the interview goes on.",
  takeover_storm: "Ask the user to close the other tabs.",
  timed_out: "Try again with less audio.",
  token_denied: "Let the user sign in again.",
  token_expired: "Give the client a `getToken` that returns a fresh token.",
  token_invalid: "Sign the token with the server's JWT_SECRET and its algorithm.",
  too_deep: "Send flatter data.",
  too_large: "Send smaller pieces; see `limits` of `connection:success`.",
  unknown_event: "Update the server or this library, so that their versions fit.",
  unsupported_format: "Send pcm16 or wav.",
  unsupported_sample_rate: "Send 8,000 to 48,000 samples a second.",
  audio_unsupported: "Offer typing: this browser has no AudioWorklet.",
};

/** One sentence; a general one for codes nobody knows. */
export function remedyFor(code: string): string {
  const known = Object.entries(ERRORS).find(([name]) => name === code);
  const general = known ? BY_REMEDY[known[1].remedy] : undefined;
  return REMEDIES[code] ?? general ?? "Look the code up in the server's documentation.";
}
