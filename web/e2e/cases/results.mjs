// What comes out: suggestions to those who may have them, and the report in every form. Typed
// answers, so that every word is known.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { begin, candidate, noFaults, open, said, state, watcher } from "../lib/browser.mjs";
import { until } from "../lib/wait.mjs";

const ADVISED = `id = "advised"
title = "Two questions"
description = "One of them with points to look for."
language = "en"
[options]
max_duration = "5m"
[coaching]
mode = "hiring"
suggestions_to = ["interviewer"]
[[questions]]
id = "about"
kind = "behavioral"
text = "Tell me about your work."
limit = "120s"
target = ["20s", "60s"]
[[questions.points]]
id = "what"
label = "what you do"
weight = 2
must = true
ask = "What is your job?"
any = [["i work as|my job"]]
[[questions.points]]
id = "why"
label = "why you like it"
weight = 2
must = true
ask = "What do you like about it?"
any = [["because|i like"]]
[[questions.points]]
id = "since"
label = "since when"
weight = 1
ask = "Since when do you do that?"
any = [["since|years"]]
[[questions]]
id = "more"
text = "What would you like to learn?"
limit = "60s"
`;

const TIP = "What do you like about it?";
const ANSWER = "I work as a nurse in a small hospital near the sea with many people.";

export const results = [
  {
    name: "ideas go to the role the plan names; the report is read, printed, and saved in four forms",
    sound: "silence",
    plans: { advised: ADVISED },
    async run({ server, context }) {
      const page = await open(context, candidate(server, "advised"));
      await begin(page, { mic: false, plan: "advised" });
      const interviewer = await open(context, watcher(server, "advised", "interviewer", "ivo"));
      const observer = await open(context, watcher(server, "advised"));
      for (const one of [interviewer, observer])
        await one.locator('[data-room="advised"][data-phase="live"]').waitFor();
      await page.getByRole("button", { name: "Type instead" }).click();
      await page.getByLabel("Type your answer").fill(ANSWER);
      await page.getByRole("button", { name: "Send" }).click();
      await interviewer.locator(".tip-list").getByText(TIP).waitFor({ timeout: 20_000 });
      assert(
        (await said(interviewer)).some(({ text }) => text.includes(TIP)),
        "ideas are read out",
      );
      await state(interviewer, "watch-ideas");
      for (const one of [page, observer])
        assert.equal(await one.getByText(TIP).count(), 0, "not for this role");
      await page.getByRole("button", { name: "I'm done with this answer" }).click();
      await page.getByText("Question 2 of 2").first().waitFor();
      await page.getByRole("button", { name: "Skip this one" }).click();
      await page.locator('[data-reason="completed"]').waitFor({ timeout: 30_000 });

      await interviewer.getByRole("button", { name: "Open the report" }).click();
      await interviewer.locator(".reported h1").waitFor({ timeout: 15_000 });
      await evidence(interviewer);
      await state(interviewer, "report-scored");
      await printed(interviewer);
      await saved(interviewer);
      for (const one of [page, interviewer, observer]) noFaults(one);
    },
  },
];

/** A quoted piece leads to its place in what was said. */
async function evidence(page) {
  const link = page.locator(".reported .points .quote a").first();
  await link.waitFor();
  const target = (await link.getAttribute("href")) ?? "";
  assert.match(target, /^#./, "within the page");
  await link.click();
  const line = page.locator(`[id="${target.slice(1)}"]`);
  assert((await line.textContent())?.includes("I work as a nurse"), "what the evidence quotes");
  await until("it is in view", 5_000, () =>
    line.evaluate((e) => {
      const { top, bottom } = e.getBoundingClientRect();
      return top >= 0 && bottom <= innerHeight;
    }),
  );
  assert.equal(await page.locator(".reported h1").count(), 1, "the report stays open");
}

/** Printing is asked for once, and paper has the report and nothing of the app. */
async function printed(page) {
  await page.evaluate(() => {
    globalThis.__printed = 0;
    globalThis.print = () => {
      globalThis.__printed += 1;
    };
  });
  await page.getByRole("button", { name: "Print" }).click();
  assert.equal(await page.evaluate(() => globalThis.__printed), 1);
  await page.emulateMedia({ media: "print" });
  assert(await page.locator(".reported h1").isVisible());
  assert(!(await page.getByRole("button", { name: "Print" }).isVisible()));
  assert(!(await page.locator(".bar-top").isVisible()));
  await page.emulateMedia({ media: "screen" });
}

const FORMS = {
  json: (text) => {
    const report = JSON.parse(text);
    assert.match(report.schema, /report/);
    assert(text.includes("I work as a nurse"));
  },
  md: (text) => assert(/^# /m.test(text) && text.includes("I work as a nurse")),
  csv: (text) => assert(text.split("\n")[0].includes(",") && text.includes("what you do")),
  vtt: (text) => assert(text.startsWith("WEBVTT") && text.includes("I work as a nurse")),
};

async function saved(page) {
  for (const [form, holds] of Object.entries(FORMS)) {
    await page.getByLabel("Save as").selectOption(form);
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save as" }).click();
    const file = await download;
    assert.equal(file.suggestedFilename(), `interview-advised.${form}`);
    holds(readFileSync(await file.path(), "utf8"));
    await page.getByText(`Saved as interview-advised.${form}.`).first().waitFor();
  }
}
