// The official Socket.IO client for JavaScript: node socketio.mjs <newest|oldest> <transports>
import { serve } from "./lib.mjs";
import { SocketIoMember } from "./member.mjs";

const [which, transports] = process.argv.slice(2);
const { io } = await import(which === "oldest" ? "socket.io-client-oldest" : "socket.io-client");

/** The WebSocket under it is `ws`, which can leave what comes lying in the socket. */
class Member extends SocketIoMember {
  stop_reading() {
    this.under = this.socket.io.engine.transport.ws;
    this.under.pause();
  }

  read_on() {
    this.under.resume();
  }
}

await serve((order, tell) => {
  const extraHeaders = order.origin ? { origin: order.origin } : {};
  const options = { transports: transports.split(","), extraHeaders };
  return new Member(order, tell, { io, options });
});
