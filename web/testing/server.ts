/** The real server, for tests: started on a free port in a folder of its own. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, connect as dial, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

// Not by URL: a test may stand in a page, whose URL class is another.
const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const binary = process.env.GREENROOM ?? join(root, "target/debug/greenroom");
const READY_MS = 30_000;

export interface Server {
  url: string;
  token(user: string, role: string, session?: string, expiresIn?: string): string;
  stop(): Promise<void>;
  /** Ends it without a word. `start()` begins it again on the same port and data. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

/** Speech is off unless asked for: it needs the model. */
export async function startServer(
  options: { speech?: boolean; env?: Record<string, string> } = {},
): Promise<Server> {
  if (!existsSync(binary)) {
    throw new Error(`There is no ${binary}: cargo build --bin greenroom, or set GREENROOM.`);
  }
  const data = mkdtempSync(join(tmpdir(), "greenroom-sdk-"));
  let port = "0";
  let child: ReturnType<typeof spawn> | null = null;
  const gone = () =>
    new Promise<void>((resolve) => {
      if (!child || child.exitCode !== null || child.signalCode !== null) resolve();
      else child.once("exit", () => resolve());
    });
  const start = async () => {
    const args = ["serve", "--dev", "--data", data, "--listen", `127.0.0.1:${port}`];
    args.push("--speech", options.speech ? "on" : "off", "--log", "warn");
    if (options.speech) args.push("--models", join(root, "models"));
    const env = { ...process.env, ...options.env };
    const started = spawn(binary, args, { stdio: ["ignore", "pipe", "pipe"], env, cwd: data });
    child = started;
    port = await new Promise<string>((resolve, reject) => {
      let text = "";
      const timer = setTimeout(() => reject(new Error(`not ready:\n${text}`)), READY_MS);
      const read = (part: Buffer) => {
        text += part;
        const found = /server\s+http:\/\/127\.0\.0\.1:(\d+)/.exec(text);
        if (!found) return;
        clearTimeout(timer);
        resolve(found[1] ?? "");
      };
      started.stdout.on("data", read);
      started.stderr.on("data", read);
      started.once("exit", (code) => {
        clearTimeout(timer);
        reject(new Error(`ended with ${code}:\n${text}`));
      });
    });
  };
  await start();
  return {
    url: `http://127.0.0.1:${port}`,
    token: (user, role, session, expiresIn) => {
      const args = ["token", "--dev", "--data", data, "--user", user, "--role", role];
      if (session) args.push("--session", session);
      if (expiresIn) args.push("--expires-in", expiresIn);
      return execFileSync(binary, args, { encoding: "utf8", cwd: data }).trim();
    },
    stop: async () => {
      const over = gone();
      child?.kill("SIGTERM");
      // A second signal does not wait for anybody.
      const timer = setTimeout(() => child?.kill("SIGKILL"), 3_000);
      await over;
      clearTimeout(timer);
      rmSync(data, { recursive: true, force: true });
    },
    kill: async () => {
      const over = gone();
      child?.kill("SIGKILL");
      await over;
    },
    start,
  };
}

export interface Wire {
  url: string;
  /** Breaks every connection; `open` false: and takes no new one. */
  cut(open?: boolean): void;
  /** Lets nothing through any more, and says nothing. */
  stall(): void;
  restore(): void;
  stop(): Promise<void>;
}

/** A wire that can be cut, between a client and the server. */
export async function startProxy(target: string): Promise<Wire> {
  const { port } = new URL(target);
  const open = new Set<Socket>();
  let accepts = true;
  let stalled = false;
  const listener = createServer((near) => {
    if (!accepts) {
      near.destroy();
      return;
    }
    const far = dial(Number(port), "127.0.0.1");
    for (const [a, b] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(a);
      a.on("data", (bytes) => {
        if (!stalled) b.write(bytes);
      });
      a.on("error", () => {});
      a.on("close", () => {
        open.delete(a);
        b.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    cut: (stays = true) => {
      accepts = stays;
      for (const socket of open) socket.destroy();
    },
    stall: () => {
      stalled = true;
    },
    restore: () => {
      accepts = true;
      stalled = false;
    },
    stop: () =>
      new Promise<void>((resolve) => {
        for (const socket of open) socket.destroy();
        listener.close(() => resolve());
      }),
  };
}

/** Waits for a condition, with a limit. */
export async function until<T>(
  check: () => T | null | undefined | false | Promise<T | null | undefined | false>,
  what: string,
  limitMs = 10_000,
): Promise<T> {
  const by = Date.now() + limitMs;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > by) throw new Error(`It did not happen within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
