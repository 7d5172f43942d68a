// Chromium with a microphone that plays a file, and pages that are watched: errors of theirs fail
// the case, announcements are noted, every state can be judged by axe and photographed.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { chromium } from "playwright-core";
import { token } from "./server.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"];
const PATHS = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser"];
const executablePath = PATHS.find((path) => path && existsSync(path));

/** One browser for each sound; every case has a profile of its own in it. */
const browsers = new Map();

function browserFor(sound) {
  assert(executablePath, "Chromium is missing: run make setup");
  const started = chromium.launch({
    executablePath,
    headless: false,
    args: [
      "--headless=new",
      "--no-sandbox",
      "--disable-gpu",
      // Phones have none, and a picture of a whole page would be short of their width.
      "--hide-scrollbars",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--use-fake-device-for-media-stream",
      ...(sound ? [`--use-file-for-fake-audio-capture=${sound}`] : []),
      "--use-fake-ui-for-media-stream",
      "--autoplay-policy=no-user-gesture-required",
      "--disable-dev-shm-usage",
      // Pages that were handed in have no address, and the browser would not let them talk to one.
      ...(process.env.APP_DIST ? ["--disable-features=LocalNetworkAccessChecks"] : []),
    ],
  });
  browsers.set(sound, started);
  return started;
}

/** A fresh profile in a browser whose microphone plays this. */
export async function launch(sound) {
  let browser = await (browsers.get(sound) ?? browserFor(sound));
  if (!browser.isConnected()) browser = await browserFor(sound);
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  await context.grantPermissions(["microphone"]);
  await context.addInitScript(watch);
  if (process.env.APP_DIST) await fromFolder(context, process.env.APP_DIST);
  return context;
}

export async function closeBrowsers() {
  for (const started of browsers.values()) await (await started).close();
}

/** The policy the program sends with the app's files. */
function policy() {
  const code = readFileSync(resolve(import.meta.dirname, "../../../crates/api/src/app.rs"), "utf8");
  const text = /const POLICY: &str = "((?:[^"\\]|\\\s*\n)*)"/.exec(code)?.[1];
  assert(text, "the policy is not where it was");
  return text.replace(/\\\s*\n\s*/g, "");
}

/** While the app is being worked on: its files from its build folder, not out of the program, and
 * under the same policy, whether or not the program has an app of its own. */
async function fromFolder(context, folder) {
  const headers = { "content-security-policy": policy() };
  const kinds = { html: "text/html", js: "text/javascript", css: "text/css", svg: "image/svg+xml" };
  const pages = /^\/(assets\/.*|icon\.svg|(interview|watch|report|admin|check)(\/.*)?)?$/;
  await context.route(
    (url) => pages.test(url.pathname),
    async (route) => {
      const path = new URL(route.request().url()).pathname;
      const name = /^\/(assets\/|icon)/.test(path) ? path.slice(1) : "index.html";
      const contentType = kinds[name.split(".").at(-1)] ?? "application/octet-stream";
      return route.fulfill({
        body: readFileSync(join(folder, name)),
        headers: { ...headers, "content-type": contentType },
      });
    },
  );
}

/** Runs in every page, before the page's own script. */
function watch() {
  const noted = [];
  globalThis.__said = noted;
  globalThis.__shown = [];
  const known = new Set();
  const spoken = (node) => {
    const element = node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement;
    const region = element?.closest("[aria-live], [role=status], [role=alert], [role=log]");
    const live =
      region?.getAttribute("aria-live") ??
      (region?.getAttribute("role") === "alert" ? "assertive" : "polite");
    return region && live !== "off" ? { region, live } : null;
  };
  document.addEventListener("DOMContentLoaded", () => {
    new MutationObserver((changes) => {
      const now = Date.now();
      const changed = new Set();
      for (const change of changes) {
        const nodes = change.type === "characterData" ? [change.target] : change.addedNodes;
        for (const node of nodes) {
          const found = spoken(node);
          const text = node.textContent?.trim();
          if (found && text) noted.push({ at: now, live: found.live, text });
        }
        const words = (
          change.target.nodeType === Node.ELEMENT_NODE ? change.target : change.target.parentElement
        )?.closest?.(".words");
        if (words) changed.add(words);
      }
      // New words are at the end: what is grey, and the last lines that are not.
      for (const words of changed) {
        const lines = [...words.querySelectorAll("[data-growing]")];
        lines.push(...[...words.querySelectorAll("[data-said]")].slice(-3));
        for (const { textContent: text } of lines) {
          if (known.has(text)) continue;
          known.add(text);
          globalThis.__shown.push({ at: now, text });
        }
      }
    }).observe(document.body, { childList: true, subtree: true, characterData: true });
  });
}

const SHOTS = process.env.SHOTS;
const WIDTHS = [1280, 360];
/** Every state that was judged, and what axe found in it. */
export const judged = new Map();

/** An invitation of a candidate; `at` has the address: a server, or a line to one. */
export const candidate = (at, id, user = "ana") =>
  `${at.url}/interview/${id}#token=${token(user, { role: "candidate", name: "Ana" })}`;

/** An invitation to watch. */
export const watcher = (at, id, role = "observer", user = "olga") =>
  `${at.url}/watch/${id}#token=${token(user, { role, session: id })}`;

/** A page whose own faults fail the case. */
export async function open(context, address, { errors = [] } = {}) {
  const page = await context.newPage();
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(String(error)));
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" && !/Failed to load resource|WebSocket connection to/.test(text))
      page.faults.push(text);
  });
  page.allowed = errors;
  await page.goto(address);
  return page;
}

/** When a page was judged: it had no time for anything else then. */
export const busy = [];

/** Judges what is shown by axe, light and dark, and photographs it where that is asked for. */
export async function state(page, name) {
  const found = [];
  const from = Date.now();
  const size = page.viewportSize();
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe);
    const { violations } = await page.evaluate(
      (tags) => axe.run(document, { runOnly: tags }),
      TAGS,
    );
    for (const { id, nodes } of violations)
      found.push(`${colorScheme}: ${id}: ${nodes.map((n) => n.html.slice(0, 160)).join(" | ")}`);
    if (SHOTS) {
      mkdirSync(SHOTS, { recursive: true });
      for (const width of WIDTHS) {
        if (colorScheme === "dark" && width === 360) continue;
        const height = width === 360 ? 740 : 860;
        await page.setViewportSize({ width, height });
        // As high as the page, so that what sticks to the bottom is there and not in the middle.
        const whole = await page.evaluate(() => document.documentElement.scrollHeight);
        await page.setViewportSize({ width, height: Math.max(height, whole) });
        const dark = colorScheme === "dark" ? "-dark" : "";
        await page.screenshot({ path: join(SHOTS, `${name}-${width}${dark}.png`) });
      }
      await page.setViewportSize(size);
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 320, height: 740 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (wide > 0) found.push(`320 px: ${wide} px too wide`);
  await page.setViewportSize(size);
  busy.push([from, Date.now()]);
  judged.set(name, [...(judged.get(name) ?? []), ...found]);
  assert.deepEqual(found, [], `axe on “${name}”`);
}

export const said = (page) => page.evaluate(() => globalThis.__said);

export function noFaults(page) {
  assert.deepEqual(page.faults, [], "errors in the page");
}

/** From the first page to the question, as a candidate goes. */
export async function begin(page, { judge = false, mic = true, plan } = {}) {
  const step = async (name) => judge && state(page, name);
  await page.getByRole("heading", { name: "Before you begin" }).waitFor();
  await step("start");
  if (plan) await page.getByLabel("Which interview do you want to try?").selectOption(plan);
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByRole("heading", { name: "Do you agree?" }).waitFor();
  if (judge) {
    await page.getByRole("button", { name: "I agree", exact: true }).click();
    await page.getByText("Please tick each box").waitFor();
    await step("consent");
  }
  for (const box of await page.getByRole("checkbox").all()) await box.check();
  await page.getByRole("button", { name: "I agree", exact: true }).click();
  await page.getByRole("heading", { name: "Check your microphone" }).waitFor();
  await step("check-before");
  if (mic) {
    await page.getByRole("button", { name: "Turn on the microphone" }).click();
    await page.getByText("We can hear you", { exact: true }).first().waitFor({ timeout: 30_000 });
    await step("check-heard");
    await page.getByRole("button", { name: "Go to the interview" }).click();
  } else {
    await page.getByRole("button", { name: "Go on without a microphone" }).click();
  }
  const startNow = page.getByRole("button", { name: "Start the interview" });
  const question = page.getByRole("button", { name: "I'm done with this answer" });
  await startNow.or(question).first().waitFor({ timeout: 20_000 });
  if (await startNow.isVisible()) {
    await step("lobby");
    await startNow.click();
  }
  await page
    .getByText(/Question 1 of/)
    .first()
    .waitFor();
}

/** A sure caption is on the screen. */
export const hears = (page, ms = 60_000) =>
  page.locator("[data-said]").first().waitFor({ timeout: ms });
