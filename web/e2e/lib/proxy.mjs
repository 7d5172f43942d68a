// Between browser and server: counts open WebSockets, can cut the line, and notes when the server
// sent each caption.
import { connect, createServer } from "node:net";

export class Line {
  sockets = new Set();
  isCut = false;
  /** WebSockets open now, and the most there were at once. */
  open = 0;
  most = 0;
  opened = 0;
  /** Captions as the server sent them: text and time. */
  captions = [];

  static async start(target) {
    const proxy = new Line();
    proxy.target = target;
    proxy.server = createServer((client) => proxy.take(client));
    await new Promise((done) => proxy.server.listen(0, "127.0.0.1", done));
    proxy.port = proxy.server.address().port;
    return proxy;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  take(client) {
    client.on("error", () => {});
    if (this.isCut) return client.destroy();
    const upstream = connect(this.target.port, "127.0.0.1");
    const pair = { client, upstream, upgraded: false };
    this.sockets.add(pair);
    upstream.on("error", () => client.destroy());
    client.on("data", (bytes) => {
      if (!this.isCut) upstream.write(bytes);
    });
    upstream.on("data", (bytes) => {
      if (this.isCut) return;
      this.look(pair, bytes);
      client.write(bytes);
    });
    const end = () => {
      client.destroy();
      upstream.destroy();
      if (!this.sockets.delete(pair)) return;
      if (pair.upgraded) this.open -= 1;
    };
    client.on("close", end);
    upstream.on("close", end);
  }

  look(pair, bytes) {
    const at = Date.now();
    const text = bytes.toString("latin1");
    if (!pair.upgraded && text.startsWith("HTTP/1.1 101")) {
      pair.upgraded = true;
      this.open += 1;
      this.opened += 1;
      this.most = Math.max(this.most, this.open);
    }
    if (!pair.upgraded) return;
    for (const [, body] of text.matchAll(/\{"type":"transcription:result"(.*?)\}(?=[^,\]}]|$)/gs)) {
      const words = /"text":"((?:[^"\\]|\\.)*)"/.exec(body)?.[1];
      if (words)
        this.captions.push({
          at,
          text: JSON.parse(`"${Buffer.from(words, "latin1").toString("utf8")}"`),
        });
    }
  }

  /** The line is dead: nothing passes, nothing is closed properly, nothing new comes through. */
  cut() {
    this.isCut = true;
    for (const { client } of this.sockets) client.resetAndDestroy();
  }

  mend() {
    this.isCut = false;
  }

  async stop() {
    for (const { client, upstream } of this.sockets) {
      client.destroy();
      upstream.destroy();
    }
    await new Promise((done) => this.server.close(done));
  }
}
