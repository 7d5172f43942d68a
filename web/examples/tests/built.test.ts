/** Every example is built as its reader would build it, from the built packages. */
import { execFile, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "vite";
import { expect, it } from "vitest";

const examples = fileURLToPath(new URL("..", import.meta.url));
const BUILD_MS = 240_000;

it.each(["plain", "react"])("%s, with the worklet as a file of its own", async (name) => {
  const root = join(examples, name);
  await build({ root, logLevel: "error", build: { emptyOutDir: true } });
  const files = readdirSync(join(root, "dist/assets"));
  expect(files.some((file) => /^worklet-.*\.js$/.test(file))).toBe(true);
  const text = files.map((file) => readFileSync(join(root, "dist/assets", file), "utf8")).join("");
  // A strict content security policy forbids both.
  expect(text).not.toContain("data:text/javascript");
  expect(text).not.toContain("createObjectURL");
});

it("packages, which Node imports without a page, and which say that hooks are for clients", async () => {
  const names = ["client", "client/audio", "client/texts", "client/diagnose", "react", "socketio"];
  const script = names.map((name) => `await import("@greenroom/${name}");`).join("\n");
  await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: join(examples, "next"),
  });
  const hooks = readFileSync(join(examples, "../packages/react/dist/index.js"), "utf8");
  expect(hooks.startsWith('"use client";')).toBe(true);
});

it(
  "next, rendered on its server and calling the API's address itself",
  async () => {
    const root = join(examples, "next");
    const next = fileURLToPath(new URL("../../node_modules/next/dist/bin/next", import.meta.url));
    const env = {
      ...process.env,
      NEXT_TELEMETRY_DISABLED: "1",
      NEXT_PUBLIC_API_URL: "https://api.greenroom.test",
      NODE_ENV: "production" as const,
    };
    await promisify(execFile)(process.execPath, [next, "build"], { cwd: root, env });
    const { rewrites } = JSON.parse(readFileSync(join(root, ".next/routes-manifest.json"), "utf8"));
    expect(JSON.stringify(rewrites)).toBe('{"beforeFiles":[],"afterFiles":[],"fallback":[]}');
    const chunks = join(root, ".next/static/chunks");
    const scripts = readdirSync(chunks).filter((file) => file.endsWith(".js"));
    const told = scripts.some((file) =>
      readFileSync(join(chunks, file), "utf8").includes("https://api.greenroom.test"),
    );
    expect(told).toBe(true);
    const media = readdirSync(join(root, ".next/static/media"));
    expect(media.some((file) => /^worklet\..*\.js$/.test(file))).toBe(true);

    const args = [next, "start", "--hostname", "127.0.0.1", "--port", "0"];
    const server = spawn(process.execPath, args, {
      cwd: root,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    try {
      const url = await new Promise<string>((resolve, reject) => {
        let text = "";
        const read = (part: Buffer) => {
          text += part;
          const found = /http:\/\/127\.0\.0\.1:\d+/.exec(text);
          if (found) resolve(found[0]);
        };
        server.stdout.on("data", read);
        server.stderr.on("data", read);
        server.once("exit", (code) => reject(new Error(`ended with ${code}: ${text}`)));
      });
      const page = await (await fetch(url)).text();
      expect(page).toContain("idle, detached");
    } finally {
      server.kill("SIGKILL");
    }
  },
  BUILD_MS,
);
