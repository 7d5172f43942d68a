// `ws`, the WebSocket client of Node: node plain.mjs
import WebSocket from "ws";
import { contract, serve } from "./lib.mjs";
import { PlainMember } from "./member.mjs";

/** `ws` can leave what comes lying in the socket. */
class Member extends PlainMember {
  stop_reading() {
    this.socket.pause();
  }

  read_on() {
    this.socket.resume();
  }
}

function connect({ url, origin }, token) {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  return new WebSocket(`${url.replace("http", "ws")}/ws`, { headers, origin });
}

const codes = await contract(process.env.GREENROOM_ADDRESS);
await serve((order, tell) => new Member(order, tell, { connect, contract: codes }));
