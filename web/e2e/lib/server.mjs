// The real program with its own data folder, on a port of its own; can be killed and come back.
import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { until } from "./wait.mjs";

const root = resolve(import.meta.dirname, "../../..");
const program = process.env.GREENROOM ?? join(root, "target/debug/greenroom");
const models = process.env.GREENROOM_MODELS ?? join(root, "models");
const SECRET = "a secret for tests, long enough to be taken";

const given = new Set();

/** A port for a server that may be killed and come back: below those that the system hands out by
 * itself, so that nobody takes it meanwhile. */
export async function freePort() {
  for (let n = 0; n < 100; n++) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (given.has(port)) continue;
    const server = createServer();
    const free = await new Promise((done) => {
      server.once("error", () => done(false));
      server.listen(port, "127.0.0.1", () => done(true));
    });
    if (!free) continue;
    await new Promise((done) => server.close(done));
    given.add(port);
    return port;
  }
  throw new Error("no free port");
}

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token of this user; the claims besides `sub` and `exp` are the caller's. */
export function token(user, claims = {}) {
  const now = Math.floor(Date.now() / 1000);
  const body = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: user, iat: now, exp: now + 3600, ...claims })}`;
  return `${body}.${createHmac("sha256", SECRET).update(body).digest("base64url")}`;
}

export class Server {
  /** Those that run. */
  static all = new Set();

  /** `plans`: texts of plan files by name, besides the built-in ones; `config`: a settings file. */
  static async start({ env = {}, plans, config } = {}) {
    const server = new Server();
    Server.all.add(server);
    server.port = await freePort();
    server.data = mkdtempSync(join(tmpdir(), "greenroom-e2e-"));
    server.env = env;
    if (plans) {
      server.plans = mkdtempSync(join(tmpdir(), "greenroom-plans-"));
      for (const [name, text] of Object.entries(plans)) {
        writeFileSync(join(server.plans, `${name}.toml`), text);
      }
    }
    if (config) {
      server.config = join(server.data, "config.toml");
      writeFileSync(server.config, config);
    }
    await server.run();
    return server;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  async run() {
    const args = [
      "serve",
      "--dev",
      "--listen",
      `127.0.0.1:${this.port}`,
      "--data",
      this.data,
      "--models",
      models,
      ...(this.plans ? ["--plans", this.plans] : []),
      ...(this.config ? ["--config", this.config] : []),
    ];
    this.log = "";
    this.process = spawn(program, args, {
      env: { ...process.env, JWT_SECRET: SECRET, ...this.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.gone = new Promise((done) => this.process.once("exit", done));
    const keep = (data) => {
      this.log = (this.log + data).slice(-200_000);
    };
    this.process.stdout.on("data", keep);
    this.process.stderr.on("data", keep);
    await until("the server is ready", 60_000, async () => {
      if (this.process.exitCode !== null) throw new Error(`the server ended:\n${this.log}`);
      const answer = await fetch(`${this.url}/readyz`).catch(() => null);
      return answer?.ok;
    });
  }

  /** As if the power went. */
  async kill() {
    this.process.kill("SIGKILL");
    await this.gone;
  }

  async stop() {
    if (this.process.exitCode === null) this.process.kill("SIGKILL");
    await this.gone;
    Server.all.delete(this);
    for (const folder of [this.data, this.plans])
      if (folder) rmSync(folder, { recursive: true, force: true });
  }

  async ask(path, { method = "GET", body, as = token("boss", { role: "admin" }) } = {}) {
    const response = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${as}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text.startsWith("{") ? JSON.parse(text) : text };
  }

  session = async (id) => (await this.ask(`/api/sessions/${id}`)).body;

  /** Seats held by connections right now. */
  seats = async () => (await this.ask("/api/metrics")).body.socketMappings;
}
