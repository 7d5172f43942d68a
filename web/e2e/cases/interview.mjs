// The candidate's whole way, by mouse and by keyboard alone.
import assert from "node:assert/strict";
import { begin, busy, candidate, noFaults, open, said, state } from "../lib/browser.mjs";
import { quantile, until } from "../lib/wait.mjs";

/** Answers questions until all of them are done. */
async function answerAll(page, of, each = async () => {}) {
  for (let n = 1; n <= of; n++) {
    await page.getByText(`Question ${n} of ${of}`).first().waitFor();
    const before = await page.locator("[data-said]").count();
    const more = async () => (await page.locator("[data-said]").count()) > before;
    await until("a caption that stays", 60_000, more);
    await each(n);
    await page.getByRole("button", { name: "I'm done with this answer" }).click();
  }
}

/** One question with little time, and a little more for whoever asks. */
const HURRY = `id = "hurry"
title = "In a hurry"
description = "One short question."
language = "en"
[options]
extensions = 1
extension = "15s"
max_duration = "5m"
[[questions]]
id = "one"
text = "What is your name?"
limit = "18s"
`;

export const interview = [
  {
    name: "a whole interview, spoken, from the invitation to the report",
    alone: true,
    async run({ server, proxy, context, figure }) {
      const page = await open(context, candidate(proxy, "whole"));
      assert(!page.url().includes("token"), "the key is out of the address");
      await begin(page, { judge: true, plan: "practice" });
      await answerAll(page, 3, async (n) => {
        if (n > 1) return;
        await state(page, "interview");
        // Enough captions to measure.
        const before = await page.locator("[data-said]").count();
        const more = async () => (await page.locator("[data-said]").count()) >= before + 3;
        await until("more captions", 60_000, more);
      });
      await page
        .getByRole("heading", { name: "You are done. Thank you!" })
        .waitFor({ timeout: 30_000 });
      await state(page, "ended-completed");
      const told = (await said(page)).map(({ text }) => text);
      for (const n of [1, 2, 3]) {
        const times = told.filter((text) => text.startsWith(`Question ${n} of 3`)).length;
        assert.equal(times, 1, told.join("\n"));
      }
      const shown = await page.evaluate(() => globalThis.__shown);
      const late = proxy.captions.flatMap(({ at, text }) => {
        const seen = shown.find((one) => one.text === text && one.at >= at);
        const judging = busy.some(([from, to]) => at >= from - 50 && at <= to + 50);
        return seen && !judging ? [seen.at - at] : [];
      });
      assert(late.length >= 5, `${late.length} captions were seen of ${proxy.captions.length}`);
      figure("caption on screen after the server sent it, p95", quantile(late, 0.95), 150, "ms");
      const again = await open(context, candidate(proxy, "whole"));
      await again.getByRole("heading", { name: "You are done. Thank you!" }).waitFor();
      await again.close();
      await page.getByRole("button", { name: "See your report" }).click();
      await page.locator(".reported h1").waitFor({ timeout: 15_000 });
      await state(page, "report");
      noFaults(page);
      assert.equal((await server.session("whole")).reason, "completed");
      await until("nobody is left on the server", 5_000, async () => (await server.seats()) === 0);
    },
  },
  {
    name: "the whole way by keyboard alone, and what is said to somebody who cannot see",
    async run({ server, context }) {
      const page = await open(context, candidate(server, "keys"));
      const { keyboard } = page;
      /** Tab until this has the focus, then press. */
      const reach = async (name, key = "Enter") => {
        for (let n = 0; n < 40; n++) {
          const here = await page.evaluate(() => {
            const e = document.activeElement;
            const name = e?.getAttribute("aria-label") ?? e?.closest("label")?.textContent;
            const box = e?.getBoundingClientRect();
            const top =
              box && document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
            return {
              name: name ?? e?.textContent ?? "",
              seen: e === top || (e?.contains(top) ?? false) || (top?.contains(e) ?? false),
              ring: e ? getComputedStyle(e).outlineStyle : "",
            };
          });
          if (here.name.trim() === name || here.name.startsWith(name)) {
            assert(here.seen, `“${name}” has the focus but is covered`);
            assert.equal(here.ring, "solid", `“${name}” shows that it has the focus`);
            await keyboard.press(key);
            return;
          }
          await keyboard.press("Tab");
        }
        assert.fail(`“${name}” cannot be reached by keyboard`);
      };
      await page.getByRole("heading", { name: "Before you begin" }).waitFor();
      await reach("Next");
      await page.getByRole("heading", { name: "Do you agree?" }).waitFor();
      await reach("I agree that my voice", "Space");
      await reach("I agree that a computer", "Space");
      await reach("I know that", "Space");
      await reach("I agree");
      await page.getByRole("heading", { name: "Check your microphone" }).waitFor();
      await reach("Turn on the microphone");
      await page.getByText("We can hear you", { exact: true }).first().waitFor({ timeout: 30_000 });
      await reach("Go to the interview");
      await page.getByRole("button", { name: "Start the interview" }).waitFor({ timeout: 20_000 });
      await reach("Start the interview");
      await page.getByText("Question 1 of 3").first().waitFor({ timeout: 20_000 });
      await reach("Hide the clock");
      await reach("Type instead");
      await page.getByLabel("Type your answer").waitFor();
      await keyboard.type("I like to work with my hands.");
      await reach("Send");
      await page.locator("[data-said]", { hasText: "I like to work with my hands." }).waitFor();
      await reach("End the interview");
      await page.getByRole("alertdialog").waitFor();
      const inside = () => page.evaluate(() => Boolean(document.activeElement?.closest("dialog")));
      assert(await inside(), "the focus is in the box");
      await keyboard.press("Escape");
      await page.getByRole("alertdialog").waitFor({ state: "detached" });
      const back = await page.evaluate(() => document.activeElement?.textContent);
      assert.equal(back, "End the interview", "the focus is where it was");
      await keyboard.press("Enter");
      await page.getByRole("alertdialog").waitFor();
      await reach("Yes, end it");
      await page
        .getByRole("heading", { name: "You ended the interview" })
        .waitFor({ timeout: 30_000 });
      assert.equal(await page.evaluate(() => document.activeElement?.tagName), "H1");
      const told = (await said(page)).map(({ text }) => text);
      assert(told.includes("We can hear you"), told.join("\n"));
      assert(
        told.some((text) => text.startsWith("Question 1 of 3.")),
        told.join("\n"),
      );
      noFaults(page);
    },
  },
  {
    name: "not agreeing is an answer: nothing is heard, and the interview ends",
    async run({ server, context }) {
      const body = { id: "no", planId: "practice", candidate: "ana" };
      await server.ask("/api/sessions", { method: "POST", body });
      const page = await open(context, candidate(server, "no"));
      await page.getByRole("button", { name: "Next" }).click();
      await page.getByRole("button", { name: "I do not agree" }).click();
      await state(page, "declining");
      await page.getByRole("button", { name: "End it, I do not agree" }).click();
      await page.getByRole("heading", { name: "You did not agree" }).waitFor();
      await state(page, "declined");
      const { status, reason, startedAt } = await server.session("no");
      assert.deepEqual([status, reason, startedAt], ["ended", "candidate_ended", undefined]);
      noFaults(page);
    },
  },
  {
    name: "a refused and a pulled microphone are told apart, and the interview goes on",
    async run({ server, context }) {
      const page = await open(context, candidate(server, "pulled"));
      await page.evaluate(() => {
        // The browser's answer when somebody clicks “Block”; then what it does when a plug is pulled.
        const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        globalThis.__tracks = [];
        globalThis.__refuse = true;
        navigator.mediaDevices.getUserMedia = async (wanted) => {
          if (globalThis.__refuse) throw new DOMException("refused", "NotAllowedError");
          const stream = await real(wanted);
          globalThis.__tracks.push(...stream.getTracks());
          return stream;
        };
        globalThis.__pull = () => {
          for (const track of globalThis.__tracks) {
            track.stop();
            track.dispatchEvent(new Event("ended"));
          }
        };
      });
      await page.getByRole("button", { name: "Next" }).click();
      for (const box of await page.getByRole("checkbox").all()) await box.check();
      await page.getByRole("button", { name: "I agree", exact: true }).click();
      await page.getByRole("button", { name: "Turn on the microphone" }).click();
      await page.getByText("Your browser does not let us use the microphone").waitFor();
      await state(page, "microphone-refused");
      await page.evaluate(() => {
        globalThis.__refuse = false;
      });
      await page.getByRole("button", { name: "Try again" }).click();
      await page.getByText("We can hear you", { exact: true }).first().waitFor({ timeout: 30_000 });
      await page.getByRole("button", { name: "Go to the interview" }).click();
      await page.getByRole("button", { name: "Start the interview" }).click({ timeout: 20_000 });
      await page.getByText("Question 1 of 3").first().waitFor({ timeout: 20_000 });
      await page.locator("[data-said]").first().waitFor({ timeout: 60_000 });
      await page.evaluate(() => globalThis.__pull());
      await page.locator('[data-trouble="lost"]').waitFor();
      await state(page, "microphone-lost");
      await page
        .locator('[data-trouble="lost"]')
        .getByRole("button", { name: "Type my answer" })
        .click();
      await page.getByLabel("Type your answer").fill("The cable came off, so I write.");
      await page.getByRole("button", { name: "Send" }).click();
      await page.locator("[data-said]", { hasText: "so I write" }).waitFor();
      await page
        .locator('[data-trouble="lost"]')
        .getByRole("button", { name: "Try again" })
        .click();
      await page.locator('[data-trouble="lost"]').waitFor({ state: "detached" });
      const before = await page.locator("[data-said]").count();
      const more = async () => (await page.locator("[data-said]").count()) > before;
      await until("it hears again", 60_000, more);
      assert.equal((await server.session("pulled")).status, "active");
      noFaults(page);
    },
  },
  {
    name: "a microphone that hears nothing is told, in the check and in the interview",
    sound: "silence",
    async run({ server, context }) {
      const page = await open(context, candidate(server, "silent"));
      await page.getByRole("button", { name: "Next" }).click();
      for (const box of await page.getByRole("checkbox").all()) await box.check();
      await page.getByRole("button", { name: "I agree", exact: true }).click();
      await page.getByRole("button", { name: "Turn on the microphone" }).click();
      await page.getByText("Say a few words").waitFor();
      await page.getByText("We cannot hear you yet").waitFor({ timeout: 20_000 });
      await state(page, "check-silent");
      await page.getByRole("button", { name: "Go to the interview" }).click();
      await page.getByRole("button", { name: "Start the interview" }).click({ timeout: 20_000 });
      await page.locator('[data-trouble="silent"]').waitFor({ timeout: 20_000 });
      await state(page, "microphone-silent");
      assert.equal((await server.session("silent")).status, "active");
      noFaults(page);
    },
  },
  {
    name: "time is warned about, more of it is one press away, and its end cuts nothing off",
    plans: { hurry: HURRY },
    async run({ server, context }) {
      const page = await open(context, candidate(server, "hurry"));
      await begin(page, { mic: false, plan: "hurry" });
      const more = page.getByRole("button", { name: "Give me 15 seconds more" });
      await more.waitFor();
      await state(page, "time-nearly-over");
      await more.click();
      await until("more time", 5_000, async () => {
        const seconds = /(\d+) seconds left/.exec(
          (await page.locator(".time").textContent()) ?? "",
        );
        return Number(seconds?.[1]) > 18;
      });
      await more.click();
      await page.getByText("There is no more extra time for this question.").first().waitFor();
      await page.locator('[data-reason="completed"]').waitFor({ timeout: 45_000 });
      const told = (await said(page)).map(({ text }) => text);
      for (const text of ["You have more time now.", "Time is up"]) {
        assert(told.includes(text), told.join("\n"));
      }
      noFaults(page);
    },
  },
];
