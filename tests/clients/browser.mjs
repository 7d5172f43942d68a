// A browser's own WebSocket, or the official Socket.IO client in its pages:
// node browser.mjs <plain|TRANSPORTS>
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { chromium } from "playwright-core";
import { contract, serve, telling } from "./lib.mjs";

const [how] = process.argv.slice(2);
const ADDRESS = process.env.GREENROOM_ADDRESS;
const PAGES = Number(process.env.GREENROOM_PAGES);
const PATHS = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser"];
const executablePath = PATHS.find((path) => path && existsSync(path));
if (!executablePath) throw new Error("Chromium is missing: run make setup");

// The pages' own place. Under its number it is on the server's list, under its name it is not.
const place = createServer((_, response) => {
  response.writeHead(200, { "content-type": "text/html" });
  response.end("<!doctype html><title>A page</title>");
});
await new Promise((ready) => place.listen(PAGES, "127.0.0.1", ready));
const ORIGINS = {
  listed: `http://127.0.0.1:${PAGES}/`,
  stranger: `http://localhost:${PAGES}/`,
  own: `${ADDRESS}/healthz`,
  none: "about:blank",
};

const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    // A page without an address would have to ask before it talks to this machine.
    "--disable-features=LocalNetworkAccessChecks"],
});
const codes = await contract(ADDRESS);
const members = readFileSync(new URL("./member.mjs", import.meta.url), "utf8");
const socketio = new URL("./node_modules/socket.io-client/dist/socket.io.min.js", import.meta.url);
const pages = new Map();

/** A page of that origin, with the members' code in it. */
function pageOf(kind) {
  if (!pages.has(kind)) pages.set(kind, load(kind));
  return pages.get(kind);
}

async function load(kind) {
  const page = await browser.newPage({
    // Answers of the API let a page do nothing at all; here one stands for a page of the server.
    bypassCSP: true,
  });
  page.on("pageerror", (error) => telling("-")("broken", { error: String(error) }));
  await page.exposeFunction("told", (line) => console.log(line));
  await page.goto(ORIGINS[kind]);
  await page.evaluate(readFileSync(socketio, "utf8"));
  await page.evaluate(`${members.replaceAll("export class", "class")}
    globalThis.classes = { PlainMember, SocketIoMember };`);
  await page.evaluate(obeys, { how, codes });
  return page;
}

/** Runs in the page: makes members and hands them their orders. */
function obeys({ how, codes }) {
  const all = new Map();
  const tellers = (client) => (saw, data = {}) => told(JSON.stringify({ client, saw, data }));
  const connect = ({ url }, token) => {
    // The only way a page has to show a token but the query.
    const offer = token ? ["greenroom.v1", `bearer.${token}`] : ["greenroom.v1"];
    return new WebSocket(`${url.replace("http", "ws")}/ws`, offer);
  };
  const { PlainMember, SocketIoMember } = globalThis.classes;
  globalThis.obey = ({ client, what, order }) => {
    if (what !== "open") return all.get(client)[what](order);
    const tell = tellers(client);
    const member =
      how === "plain"
        ? new PlainMember(order, tell, { connect, contract: codes })
        : new SocketIoMember(order, tell, {
            io: globalThis.io,
            options: { transports: how.split(","), withCredentials: true },
          });
    all.set(client, member);
  };
}

await pageOf("listed");

/** A member that lives in a page. */
class Remote {
  constructor(page, client) {
    this.page = page;
    this.client = client;
    return new Proxy(this, {
      get: (_, what) => (what === "then" ? undefined : (order) => this.obey(what, order)),
    });
  }

  obey(what, order) {
    return this.page.evaluate((told) => globalThis.obey(told), { client: this.client, what, order });
  }
}

await serve(async (order, _, client) => {
  const member = new Remote(await pageOf(order.page ?? "listed"), client);
  await member.open(order);
  return member;
});
