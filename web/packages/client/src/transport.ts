/** What carries messages. The plain WebSocket is here; Socket.IO is a package of its own. */
import { type AudioChunk, decodeChunk, encodeChunk } from "./audio-frame.ts";
import type { ServerMessage } from "./protocol.ts";

/** An outgoing request as the transport gets it: flat, with its `ref`. */
export type Outgoing = { type: string; ref?: number } & Record<string, unknown>;

/** A received chunk; which session it is of is said by `room` or `sessionId`. */
export type CarriedAudio = AudioChunk & {
  participant: number;
  room?: number;
  sessionId?: string;
};

export interface TransportEvents {
  message(message: ServerMessage): void;
  audio(chunk: CarriedAudio): void;
  /** Called once. 1006: it broke, or never opened. */
  closed(code: number, reason: string): void;
}

export interface TransportOptions {
  /** Of the server, without a path: `https://interviews.example.org`. */
  baseUrl: string;
  token: string;
  on: TransportEvents;
  WebSocket?: typeof WebSocket | undefined;
}

/** One connection. It begins to open when it is made, and never opens again. */
export interface Transport {
  readonly name: string;
  send(message: Outgoing): void;
  sendAudio(chunk: AudioChunk, session: { id: string; room: number }): void;
  /** Bytes that wait to leave. */
  buffered(): number;
  close(code: number, reason: string): void;
}

export type TransportFactory = (options: TransportOptions) => Transport;

/** Characters a subprotocol may have (RFC 9110 token). */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

export const plainWebSocket: TransportFactory = ({ baseUrl, token, on, WebSocket: given }) => {
  const Socket = given ?? globalThis.WebSocket;
  const inProtocol = TOKEN.test(token);
  const protocols = inProtocol ? ["greenroom.v1", `bearer.${token}`] : ["greenroom.v1"];
  const socket = new Socket(`${baseUrl.replace(/^http/, "ws")}/ws`, protocols);
  socket.binaryType = "arraybuffer";
  let open = true;
  const over = (code: number, reason: string) => {
    if (!open) return;
    open = false;
    on.closed(code, reason);
  };
  socket.onopen = () => {
    if (!inProtocol) socket.send(JSON.stringify({ type: "auth", token }));
  };
  socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
    if (!open) return;
    if (typeof data !== "string") {
      const chunk = decodeChunk(data);
      if (chunk) on.audio(chunk);
      return;
    }
    let message: ServerMessage;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    if (typeof message?.type === "string") on.message(message);
  };
  // Its close says more; but in Node an error nobody listens to ends the process.
  socket.onerror = () => {};
  socket.onclose = (event) => over(event.code, event.reason);
  return {
    name: "websocket",
    send: (message) => {
      if (socket.readyState === 1) socket.send(JSON.stringify(message));
    },
    sendAudio: (chunk, session) => {
      if (socket.readyState === 1) socket.send(encodeChunk(chunk, session.room));
    },
    buffered: () => socket.bufferedAmount,
    close: (code, reason) => socket.close(code, reason),
  };
};
