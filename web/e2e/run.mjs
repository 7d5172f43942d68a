// Runs the cases, each with a server and a browser profile of its own. Those that measure time run alone,
// then the others a few at once: they mostly wait for speech. `node run.mjs [--only WORD] [--repeat N]
// [--jobs N] [--first]`. Ends 1 if one failed; prints the figures beside their limits.
import { parseArgs } from "node:util";
import { cases } from "./cases/index.mjs";
import { closeBrowsers, judged, launch } from "./lib/browser.mjs";
import { Line } from "./lib/proxy.mjs";
import { Server } from "./lib/server.mjs";
import { silence, speech } from "./lib/sound.mjs";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    repeat: { type: "string", default: "1" },
    jobs: { type: "string", default: "5" },
    first: { type: "boolean" },
  },
});
const print = (line) => process.stdout.write(`${line}\n`);
// Whoever stops the run stops what it started.
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    for (const server of Server.all) server.process?.kill("SIGKILL");
    void closeBrowsers().finally(() => process.exit(1));
  });
}
const CASE_MS = 240_000;
const sounds = { speech: speech(), silence: silence() };
/** Figures by name, with their limit: each must keep it. */
const figures = new Map();

function figure(name, value, limit, unit) {
  const known = figures.get(name);
  if (!known || value > known.value) figures.set(name, { value, limit, unit });
}

async function run({ run: body, sound = "speech", env, plans, config }) {
  const server = await Server.start({ env, plans, config });
  const proxy = await Line.start(server);
  const context = await launch(sounds[sound]);
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`longer than ${CASE_MS} ms`)), CASE_MS);
  });
  try {
    await Promise.race([
      body({ server, proxy, context, figure, relaunch: (which = sound) => launch(sounds[which]) }),
      late,
    ]);
  } catch (error) {
    if (process.env.SHOTS_ON_FAILURE) {
      for (const [n, page] of context.pages().entries()) {
        await page
          .screenshot({ path: `${process.env.SHOTS_ON_FAILURE}/failed-${n}.png` })
          .catch(() => {});
      }
    }
    for (const page of context.pages()) {
      const text = await page.evaluate(() => document.body.textContent).catch(() => "");
      error.more = [
        error.more ?? "",
        `--- page ${page.url().split("#")[0]}`,
        text.slice(0, 1500),
        `--- its errors: ${JSON.stringify(page.faults ?? [])}`,
      ].join("\n");
    }
    error.more = `${error.more ?? ""}\n--- server\n${server.log.slice(-1500)}`;
    throw error;
  } finally {
    clearTimeout(timer);
    await context.close().catch(() => {});
    await proxy.stop();
    await server.stop();
  }
}

const chosen = values.first
  ? cases.slice(0, 1)
  : cases.filter((one) => !values.only || one.name.includes(values.only));
let failed = 0;
const began = Date.now();
const seconds = (from) => ((Date.now() - from) / 1000).toFixed(1);

async function judge(one) {
  const at = Date.now();
  try {
    await run(one);
    print(`ok     ${seconds(at).padStart(6)} s  ${one.name}`);
  } catch (error) {
    failed += 1;
    print(
      `FAILED ${seconds(at).padStart(6)} s  ${one.name}\n${error.stack}\n${error.more ?? ""}\n`,
    );
  }
}

for (let round = 1; round <= Number(values.repeat); round++) {
  const from = Date.now();
  for (const one of chosen.filter(({ alone }) => alone)) await judge(one);
  // The longest first, so that nobody waits for it at the end.
  const rest = chosen.filter(({ alone }) => !alone).sort((a, b) => !!b.long - !!a.long);
  const worker = async () => {
    for (let one = rest.shift(); one; one = rest.shift()) await judge(one);
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, worker));
  if (Number(values.repeat) > 1)
    print(`pass ${round} of ${values.repeat}: ${failed} failed so far; ${seconds(from)} s.`);
}
await closeBrowsers();
for (const [name, { value, limit, unit }] of figures) {
  const kept = value <= limit;
  if (!kept) failed += 1;
  print(
    `${kept ? "ok    " : "FAILED"} ${name}: ${value.toFixed(1)} ${unit} (at most ${limit} ${unit})`,
  );
}
const violations = [...judged.values()].flat().length;
print(`axe: ${violations} violations over ${judged.size} states, light and dark.`);
print(
  `${chosen.length * Number(values.repeat)} runs, ${failed} failed; ${Math.round((Date.now() - began) / 1000)} s.`,
);
process.exit(failed > 0 ? 1 : 0);
