/**
 * Carries @greenroom/client over socket.io-client, so that a team with Socket.IO in its network can
 * move step by step. Reconnecting, resume and requests are the client's; Socket.IO only carries.
 */
import {
  type AudioChunk,
  decodeChunk,
  encodeChunk,
  type Outgoing,
  type ServerMessage,
  type TransportFactory,
} from "@greenroom/client";
import { io, type ManagerOptions, type Socket, type SocketOptions } from "socket.io-client";

export interface SocketIoOptions
  extends Pick<
    Partial<ManagerOptions & SocketOptions>,
    "transports" | "withCredentials" | "extraHeaders" | "upgrade"
  > {
  /** Default `/interview`; `/` is its alias. */
  namespace?: string;
  /** Below the server's address. Default `/socket.io`. */
  path?: string;
}

/** Codes of a refused CONNECT that mean more than "try again". */
const REFUSED: Readonly<Record<string, number>> = {
  auth_required: 4401,
  token_invalid: 4401,
  token_expired: 4401,
  not_allowed: 4403,
  origin_not_allowed: 4403,
  limited: 4429,
};

/** `createClient({ transport: socketio() })` */
export function socketio(options: SocketIoOptions = {}): TransportFactory {
  const { namespace = "/interview", path = "/socket.io", ...rest } = options;
  return ({ baseUrl, token, on }) => {
    const base = new URL(baseUrl);
    const socket = io(base.origin + namespace, {
      ...rest,
      path: base.pathname.replace(/\/$/, "") + path,
      auth: { token },
      // Another connection each time, and none by itself: the client decides about both.
      forceNew: true,
      reconnection: false,
    });
    let open = true;
    const over = (code: number, reason: string) => {
      if (!open) return;
      open = false;
      socket.removeAllListeners();
      socket.offAny();
      socket.disconnect();
      on.closed(code, reason);
    };
    const heard = (name: string, body: unknown) => {
      const bytes = name === "audio:received" ? bytesOf(body) : null;
      if (!bytes) {
        if (isMessage(body)) on.message(body);
        return;
      }
      const chunk = decodeChunk(bytes);
      if (chunk) on.audio(chunk);
    };
    socket.onAny(heard);
    socket.on("connect_error", (error: Error & { data?: unknown }) => {
      if (!isMessage(error.data)) return over(1006, error.message);
      on.message(error.data);
      const code = "code" in error.data ? String(error.data.code) : "";
      over(REFUSED[code] ?? 1006, code);
    });
    socket.on("disconnect", (reason) =>
      setTimeout(() => {
        // Over polling the last messages may come together with the close. Socket.IO tells of the
        // close first, and lays what came with it aside for a connection that never comes.
        for (const [name, body] of socket.receiveBuffer.splice(0)) {
          if (open) heard(name, body);
        }
        over(1006, reason);
      }),
    );
    return {
      name: "socketio",
      send: (message) => send(socket, message, on.message),
      sendAudio: (chunk: AudioChunk, { room }) => {
        if (socket.connected) socket.emit("audio:stream", encodeChunk(chunk, room));
      },
      buffered: () => bufferedBytes(socket),
      close: (code, reason) => over(code, reason),
    };
  };
}

/** The event's name is the message's type; the acknowledgement is the reply to its `ref`. */
function send(socket: Socket, message: Outgoing, answered: (reply: ServerMessage) => void): void {
  if (!socket.connected) return;
  const { type, ref, ...fields } = message;
  if (ref === undefined) {
    socket.emit(type, fields);
    return;
  }
  socket.emit(type, fields, (reply: unknown) => {
    if (isMessage(reply)) answered({ ...reply, ref } as ServerMessage);
  });
}

function isMessage(body: unknown): body is ServerMessage {
  return typeof body === "object" && body !== null && "type" in body;
}

/** An attachment: an ArrayBuffer in a page, a Buffer in Node. */
function bytesOf(body: unknown): ArrayBuffer | null {
  if (body instanceof ArrayBuffer) return body;
  return ArrayBuffer.isView(body)
    ? new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice().buffer
    : null;
}

function bufferedBytes(socket: Socket): number {
  let bytes = 0;
  for (const { data } of socket.io.engine?.writeBuffer ?? []) {
    bytes += (data as { byteLength?: number; length?: number })?.byteLength ?? data?.length ?? 0;
  }
  return bytes;
}
