// What goes wrong in mid-answer: the page, the tab, the line, the server.
import assert from "node:assert/strict";
import { begin, candidate, hears, noFaults, open, said, state } from "../lib/browser.mjs";
import { token } from "../lib/server.mjs";
import { until } from "../lib/wait.mjs";

const lines = (page) => page.locator("[data-said]").allTextContents();
const goesOn = async (page) => {
  const before = (await lines(page)).length;
  await until("it goes on hearing", 60_000, async () => (await lines(page)).length > before);
};

export const losses = [
  {
    name: "loading the page again in mid-answer goes on where it was",
    async run({ server, proxy, context }) {
      const page = await open(context, candidate(proxy, "reload"));
      await begin(page);
      await hears(page);
      const before = await lines(page);
      await page.evaluate(() => removeEventListener("beforeunload", () => {}));
      page.on("dialog", (dialog) => void dialog.accept().catch(() => {}));
      await page.reload();
      await page.getByText("Question 1 of 3").first().waitFor({ timeout: 20_000 });
      await until(
        "what was said is there again",
        10_000,
        async () => (await lines(page)).length >= before.length,
      );
      assert.deepEqual((await lines(page)).slice(0, before.length), before);
      await page.locator('[data-mic="on"]').waitFor();
      await goesOn(page);
      const all = await lines(page);
      assert.equal(new Set(all).size, all.length, "nothing is told twice");
      assert.equal((await server.session("reload")).status, "active");
      assert.equal(proxy.most, 1, "never two connections at once");
      noFaults(page);
    },
  },
  {
    name: "a tab that crashed comes back through the invitation and the recovery card",
    async run({ server, context }) {
      const address = candidate(server, "crash");
      const page = await open(context, address);
      await begin(page);
      await hears(page);
      const crashed = page.waitForEvent("crash");
      page.goto("chrome://crash").catch(() => {});
      await crashed;
      const again = await open(context, address);
      await again.getByRole("heading", { name: "You have an unfinished interview" }).waitFor();
      await state(again, "recovery");
      await again.getByRole("button", { name: "Continue here" }).click();
      await again.getByText("Question 1 of 3").first().waitFor({ timeout: 20_000 });
      await again.locator('[data-mic="on"]').waitFor();
      await goesOn(again);
      assert.equal((await server.session("crash")).status, "active");
      noFaults(again);
      await page.close();
    },
  },
  {
    name: "the recovery card clears the old interview and a new one can begin",
    async run({ server, context }) {
      const first = await open(context, candidate(server, "old"));
      await begin(first, { mic: false });
      const second = await open(context, candidate(server, "new"));
      await second.getByRole("heading", { name: "You have an unfinished interview" }).waitFor();
      await second.getByText("It is still open in another window").waitFor();
      await second.getByRole("button", { name: "Clear it and start again" }).click();
      await second.getByText("Do you really want to clear it?").waitFor();
      await state(second, "recovery-clearing");
      await second.getByRole("button", { name: "Yes, clear it" }).click();
      await second.getByRole("heading", { name: "Before you begin" }).waitFor();
      await first.getByRole("heading", { name: "This interview was cleared" }).waitFor();
      await state(first, "ended-cleared");
      assert.equal((await server.session("old")).reason, "cleared_by_user");
      await begin(second, { mic: false });
      noFaults(first);
      noFaults(second);
    },
  },
  {
    name: "a second tab takes over, the first says so and can take it back",
    async run({ server, context }) {
      const address = candidate(server, "tabs");
      const first = await open(context, address);
      await begin(first);
      const second = await open(context, address);
      await second.getByRole("button", { name: "Continue here" }).click();
      await second.getByText("Question 1 of 3").first().waitFor({ timeout: 20_000 });
      const dialog = first.getByRole("alertdialog", {
        name: "The interview moved to another window",
      });
      await dialog.waitFor();
      await state(first, "taken-over");
      assert(
        (await said(first)).some(
          ({ text, live }) => live === "assertive" && text.includes("moved to another window"),
        ),
      );
      await dialog.getByRole("button", { name: "Move it back here" }).click();
      await first.getByText("Question 1 of 3").first().waitFor({ timeout: 20_000 });
      await second.getByRole("alertdialog").waitFor();
      await second.getByRole("button", { name: "Leave it there" }).click();
      await second.getByText("You can close this page.").waitFor();
      await first.locator('[data-mic="on"]').waitFor();
      await goesOn(first);
      await until("one seat", 5_000, async () => (await server.seats()) === 1);
      noFaults(first);
      noFaults(second);
    },
  },
  {
    name: "the line is cut in mid-answer and comes back: said once, nothing lost",
    async run({ server, proxy, context }) {
      const page = await open(context, candidate(proxy, "cut"));
      await begin(page);
      await hears(page);
      const before = await lines(page);
      proxy.cut();
      await page.locator('[data-banner="lost"]').waitFor({ timeout: 10_000 });
      await state(page, "connection-lost");
      proxy.mend();
      await page.locator('[data-banner="back"]').waitFor({ timeout: 40_000 });
      await state(page, "connection-back");
      await goesOn(page);
      assert.deepEqual((await lines(page)).slice(0, before.length), before);
      const told = (await said(page)).map(({ text }) => text);
      assert.equal(
        told.filter((text) => text.startsWith("The connection is shaky")).length,
        1,
        told.join("\n"),
      );
      assert.equal(
        told.filter((text) => text.startsWith("You are back")).length,
        1,
        told.join("\n"),
      );
      assert.equal((await server.session("cut")).status, "active");
      assert.equal(proxy.most, 1, "never two connections at once");
      noFaults(page);
    },
  },
  {
    name: "the server is killed and comes back: the interview goes on",
    async run({ server, context }) {
      const page = await open(context, candidate(server, "killed"));
      await begin(page);
      await hears(page);
      const before = await lines(page);
      await server.kill();
      await page.locator('[data-banner="lost"]').waitFor({ timeout: 10_000 });
      await server.run();
      await page.locator('[data-banner="back"]').waitFor({ timeout: 40_000 });
      await page.getByText("Question 1 of 3").first().waitFor();
      await goesOn(page);
      assert.deepEqual((await lines(page)).slice(0, before.length), before);
      assert.equal((await server.session("killed")).status, "active");
      noFaults(page);
    },
  },
  {
    name: "with the server away the page says so and looks again by itself",
    async run({ server, context }) {
      const address = candidate(server, "away");
      const page = await open(context, address);
      await page.getByRole("heading", { name: "Before you begin" }).waitFor();
      await server.kill();
      // The page itself is still in the browser; it only asks again.
      await page.route("**/interview/**", (route) => route.continue());
      await page.evaluate(() => history.pushState(null, "", "/"));
      await page.evaluate(() => dispatchEvent(new PopStateEvent("popstate")));
      await page.getByRole("button", { name: "Go on" }).click();
      const away = page.getByRole("heading", { name: "We cannot check right now" });
      await away.waitFor({ timeout: 20_000 });
      await page.getByRole("button", { name: "Check now" }).click();
      await away.waitFor({ timeout: 20_000 });
      await state(page, "unreachable");
      await server.run();
      await page.getByRole("heading", { name: "Before you begin" }).waitFor({ timeout: 40_000 });
      noFaults(page);
    },
  },
  {
    name: "a link that gets too old in mid-interview is said to be so, and what was said is safe",
    sound: "silence",
    async run({ server, context }) {
      const exp = Math.floor(Date.now() / 1000) + 15;
      const key = token("ana", { role: "candidate", exp });
      const page = await open(context, `${server.url}/interview/old#token=${key}`);
      await begin(page, { mic: false });
      const banner = page.locator('[data-banner="closed"]');
      await banner.waitFor({ timeout: 60_000 });
      await banner.getByText("This link is too old").waitFor();
      await state(page, "link-too-old");
      noFaults(page);
    },
  },
];
