// Ways into and through an interview that are not the straight one: a consent of the plan's own,
// another device, coming late, saying nothing.
import assert from "node:assert/strict";
import { begin, candidate, hears, noFaults, open, said, state, watcher } from "../lib/browser.mjs";
import { token } from "../lib/server.mjs";
import { until } from "../lib/wait.mjs";

const ASKS = `id = "asks"
title = "A careful talk"
description = "One question, and a consent before it."
language = "en"
[options]
max_duration = "5m"
[consent]
version = "2026-11"
text = "The Example Company keeps the text of this talk for 30 days."
purposes = ["transcription", "scoring"]
[[questions]]
id = "one"
text = "What do you like about your work?"
limit = "90s"
`;

const make = (server, id) =>
  server.ask("/api/sessions", {
    method: "POST",
    body: {
      id,
      planId: "asks",
      candidate: "ana",
      participants: [{ userId: "olga", role: "observer" }],
    },
  });

/** To the question of consent, with the microphone on. */
async function toConsent(page) {
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByRole("heading", { name: "Check your microphone" }).waitFor();
  await page.getByRole("button", { name: "Turn on the microphone" }).click();
  await page.getByRole("button", { name: "Go to the interview" }).click();
  await page.getByRole("heading", { name: "Do you agree?" }).waitFor();
  await page.getByText("keeps the text of this talk for 30 days").waitFor();
}

const lines = (page) => page.locator("[data-said]").allTextContents();

export const ways = [
  {
    name: "a plan's own consent is asked for before anything is heard, also after a reload; yes begins it",
    plans: { asks: ASKS },
    async run({ server, context }) {
      await make(server, "agrees");
      const observer = await open(context, watcher(server, "agrees"));
      const page = await open(context, candidate(server, "agrees"));
      await toConsent(page);
      await state(page, "consent-own");
      await page.getByRole("button", { name: "I agree", exact: true }).click();
      await page.getByText("Please tick each box").waitFor();
      await page.reload();
      await page.getByRole("button", { name: "Next" }).waitFor();
      await toConsent(page);
      assert.deepEqual(await lines(observer), [], "nothing was heard yet");
      assert.equal((await server.session("agrees")).status, "scheduled");
      for (const box of await page.getByRole("checkbox").all()) await box.check();
      await page.getByRole("button", { name: "I agree", exact: true }).click();
      await page.getByRole("button", { name: "Start the interview" }).click({ timeout: 20_000 });
      await page.getByText("Question 1 of 1").first().waitFor();
      await hears(page);
      const { body } = await server.ask("/api/sessions/agrees/story");
      const order = body.lines.map(({ what }) => what);
      assert(
        order.indexOf("consent:given") >= 0 &&
          order.indexOf("consent:given") < order.indexOf("transcription:result"),
        order.join(" "),
      );
      for (const one of [page, observer]) noFaults(one);
    },
  },
  {
    name: "not agreeing to a plan's own consent ends the interview as declined, for everybody",
    plans: { asks: ASKS },
    async run({ server, context }) {
      await make(server, "declines");
      const observer = await open(context, watcher(server, "declines"));
      const page = await open(context, candidate(server, "declines"));
      await toConsent(page);
      await page.getByRole("button", { name: "I do not agree" }).click();
      await page.getByRole("button", { name: "Go back and think about it" }).click();
      await page.getByRole("button", { name: "I do not agree" }).click();
      await page.getByRole("button", { name: "End it, I do not agree" }).click();
      await page.locator('[data-reason="declined"]').waitFor({ timeout: 20_000 });
      await page.getByRole("heading", { name: "You did not agree" }).waitFor();
      await state(page, "ended-declined");
      await observer.getByText("It is over: candidate did not agree.").waitFor();
      assert.equal((await server.session("declines")).reason, "declined");
      for (const one of [page, observer]) noFaults(one);
    },
  },
  {
    name: "an interview moves to another device by a link, or by its code typed in, and loses nothing",
    async run({ server, context, relaunch }) {
      const page = await open(context, candidate(server, "moving"));
      await begin(page);
      await hears(page);
      const before = await lines(page);
      await page.getByRole("button", { name: "Move to another device" }).click();
      const offer = page.getByRole("dialog", { name: "Go on with another device" });
      await offer.waitFor();
      await state(page, "moving-offer");
      const link = await offer.getByLabel("Open this link on the other device").inputValue();
      assert.match(link, /\/\?transfer=[A-Z0-9]{10}$/);
      const device = await relaunch();
      try {
        const phone = await open(device, link);
        await phone.getByRole("heading", { name: "Go on with your interview here" }).waitFor();
        await state(phone, "moving-here");
        await phone.getByRole("button", { name: "Go on here" }).click();
        await phone.getByText("Question 1 of 3").first().waitFor({ timeout: 20_000 });
        assert(!phone.url().includes("token"), "the key is out of the address");
        await page
          .getByRole("alertdialog", { name: "The interview moved to another window" })
          .waitFor();
        await phone.locator('[data-mic="on"]').waitFor();
        await until("what was said before is there", 10_000, async () => {
          const there = await lines(phone);
          return before.every((text) => there.includes(text));
        });
        assert.deepEqual((await lines(phone)).slice(0, before.length), before);
        const known = (await lines(phone)).length;
        const more = async () => (await lines(phone)).length > known;
        await until("it hears on the new device", 60_000, more);
        await until("one seat", 5_000, async () => (await server.seats()) === 1);

        // And back, by the code; the old one is good once.
        const again = await open(context, link);
        await again.getByRole("button", { name: "Go on here" }).click();
        await again.getByText("This code is not good any more.").waitFor();
        await state(again, "moving-refused");
        await phone.getByRole("button", { name: "Move to another device" }).click();
        const code = await phone.locator("[data-code]").textContent();
        assert.match(code ?? "", /^[A-Z0-9]{5}-[A-Z0-9]{5}$/);
        await again.getByRole("button", { name: "Go back" }).click();
        await again.getByLabel("Or paste your link").fill((code ?? "").toLowerCase());
        await again.getByRole("button", { name: "Open" }).click();
        await again.getByRole("button", { name: "Go on here" }).click();
        await again.getByText("Question 1 of 3").first().waitFor({ timeout: 20_000 });
        await phone.getByRole("alertdialog").waitFor();
        assert.equal((await server.session("moving")).status, "active");
        for (const one of [page, phone, again]) noFaults(one);
      } finally {
        await device.close();
      }
    },
  },
  {
    name: "who comes late sees what was said and asked before, in order and once",
    async run({ server, context }) {
      const page = await open(context, candidate(server, "late"));
      await begin(page);
      await hears(page);
      await page.getByRole("button", { name: "I'm done with this answer" }).click();
      await page.getByText("Question 2 of 3").first().waitFor();
      const seen = await page.locator("[data-said]").count();
      await page.locator("[data-said]").nth(seen).waitFor({ timeout: 60_000 });
      const before = await lines(page);
      const observer = await open(context, watcher(server, "late"));
      const room = observer.locator('[data-room="late"]');
      await until("what was said before", 15_000, async () => {
        const there = await lines(room);
        return before.every((text, n) => there[n]?.endsWith(text));
      });
      await room.getByText(/^Question 1 of 3/).waitFor();
      const asked = await room.locator(".break").allTextContents();
      assert.deepEqual(
        asked.map((text) => text.slice(0, 15)),
        ["Question 1 of 3", "Question 2 of 3"],
      );
      await state(observer, "watch-late");
      // Left for another page of the app and come back: it is all still there.
      await observer.evaluate(() => {
        history.pushState(null, "", "/");
        dispatchEvent(new PopStateEvent("popstate"));
      });
      await observer.getByRole("heading", { name: "Welcome" }).waitFor();
      await observer.getByRole("button", { name: "Go on" }).click();
      await room
        .locator("[data-said]")
        .nth(before.length - 1)
        .waitFor();
      // And it goes on with what is new.
      const known = (await lines(room)).length;
      await room.locator("[data-said]").nth(known).waitFor({ timeout: 60_000 });
      const all = await room.locator("[data-said]").allTextContents();
      assert.equal(new Set(all).size, all.length, "nothing is told twice");
      const told = (await said(observer)).filter(({ text }) => text.includes("Time is up"));
      assert.deepEqual(told, [], "nothing old is announced");
      for (const one of [page, observer]) noFaults(one);
    },
  },
  {
    name: "somebody who says nothing is asked in time, and stays by one press",
    sound: "silence",
    config: `[sessions]\ninactivity = "20s"\n`,
    async run({ server, context }) {
      const key = token("ana", { role: "candidate", name: "Ana" });
      const page = await open(context, `${server.url}/interview/quiet#token=${key}`);
      await begin(page, { mic: false });
      const asked = page.locator("[data-expiring=inactivity]");
      await asked.waitFor({ timeout: 20_000 });
      await state(page, "still-there");
      const from = Date.now();
      await asked.getByRole("button", { name: "I am still here" }).click();
      await asked.waitFor({ state: "detached" });
      // It would have been over at the latest ten seconds after it was asked.
      await asked.waitFor({ timeout: 20_000 });
      assert(Date.now() - from > 8_000, "the clock began anew");
      await asked.getByRole("button", { name: "I am still here" }).click();
      assert.equal((await server.session("quiet")).status, "active");
      const told = (await said(page)).filter(({ text }) => text.startsWith("We have not heard"));
      assert.deepEqual(
        told.map(({ live }) => live),
        ["assertive", "assertive"],
      );
      noFaults(page);
    },
  },
];
