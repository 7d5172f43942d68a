// Everybody else: observers, interviewers, admins, and clients of another kind.
import assert from "node:assert/strict";
import { io } from "socket.io-client";
import { begin, candidate, hears, noFaults, open, state, watcher } from "../lib/browser.mjs";
import { token } from "../lib/server.mjs";
import { until } from "../lib/wait.mjs";

const admin = (server, page = "") =>
  `${server.url}/admin${page}#token=${token("boss", { role: "admin" })}`;

export const others = [
  {
    name: "an observer and an interviewer beside the candidate see what is said; the interviewer ends it",
    async run({ server, context }) {
      const observer = await open(context, watcher(server, "beside"));
      await observer.locator("[data-refused=session_not_found]").waitFor();
      await state(observer, "watch-too-early");
      const page = await open(context, candidate(server, "beside"));
      await begin(page);
      await observer
        .locator('[data-room="beside"][data-phase="live"]')
        .waitFor({ timeout: 20_000 });
      const interviewer = await open(context, watcher(server, "beside", "interviewer", "ivo"));
      await interviewer.locator('[data-room="beside"][data-phase="live"]').waitFor();
      await page.getByText("olga", { exact: true }).waitFor();
      await hears(observer);
      await hears(interviewer);
      const seen = await page.locator("[data-said]").count();
      const heard = page.locator("[data-said]").nth(seen);
      await heard.waitFor({ timeout: 60_000 });
      const text = await heard.textContent();
      for (const other of [observer, interviewer]) {
        await other.locator("[data-said]", { hasText: text }).first().waitFor();
      }
      await state(interviewer, "watch-interviewer");
      assert.equal(await observer.getByRole("button", { name: "End the interview" }).count(), 0);
      await interviewer.getByRole("button", { name: "End the interview" }).click();
      await state(interviewer, "watch-ending");
      await interviewer.getByRole("button", { name: "Yes, end it" }).click();
      await page
        .getByRole("heading", { name: "The interview is over" })
        .waitFor({ timeout: 20_000 });
      await observer.getByText("It is over: ended by the interviewer.").waitFor();
      await observer.getByRole("button", { name: "Open the report" }).click();
      await observer.locator(".reported h1").waitFor({ timeout: 15_000 });
      for (const one of [page, observer, interviewer]) noFaults(one);
    },
  },
  {
    name: "an admin makes an interview, hands out links, watches three at once, and ends one",
    async run({ server, context }) {
      const boss = await open(context, admin(server));
      await boss.getByText("No interview is running.").waitFor();
      await state(boss, "admin-empty");
      await boss.getByText("New interview").click();
      await boss.getByLabel("Title").fill("Design talk");
      await boss.getByLabel("Who is the candidate?").fill("ana");
      await boss.getByLabel("Who is the interviewer?").fill("ivo");
      await boss.getByRole("button", { name: "Make the links" }).click();
      const link = await boss.getByLabel("ana (Candidate)").inputValue();
      assert(link.includes("#token="), link);
      await state(boss, "admin-links");
      const page = await open(context, link);
      await page.getByText("This is your interview: Design talk.").waitFor();
      await begin(page);
      await boss.getByText("Good", { exact: true }).waitFor({ timeout: 15_000 });
      await state(boss, "admin-live");
      const others = ["two", "three"];
      for (const id of others) {
        const other = await open(context, candidate(server, id, id));
        await begin(other, { mic: false });
      }
      const ids = (await server.ask("/api/sessions?status=active")).body.sessions.map(
        ({ id }) => id,
      );
      assert.equal(ids.length, 3);
      const watching = await open(
        context,
        `${server.url}/watch/${ids.join(",")}#token=${token("boss", { role: "admin" })}`,
      );
      await until(
        "three rooms",
        15_000,
        async () => (await watching.locator('[data-phase="live"]').count()) === 3,
      );
      await state(watching, "watch-three");
      await boss.getByRole("button", { name: "End: Design talk" }).click();
      await state(boss, "admin-ending");
      await boss.getByRole("button", { name: "Yes, end it" }).click();
      await page
        .getByRole("heading", { name: "The interview was ended" })
        .waitFor({ timeout: 20_000 });
      await state(page, "ended-by-admin");
      await until(
        "still there for the others",
        5_000,
        async () => (await watching.locator('[data-phase="live"]').count()) === 2,
      );
      for (const one of [boss, page, watching]) noFaults(one);
    },
  },
  {
    name: "the admin's other pages: how interviews end, plans, the server",
    async run({ server, context }) {
      for (const [user, end] of [
        ["u1", true],
        ["u2", true],
        ["u3", false],
      ]) {
        const page = await open(context, candidate(server, `past-${user}`, user));
        await begin(page, { mic: false });
        if (end) {
          await page.getByRole("button", { name: "End the interview" }).click();
          await page.getByRole("button", { name: "Yes, end it" }).click();
        } else await server.ask(`/api/sessions/past-${user}/end`, { method: "POST" });
        await page.locator("[data-reason]").waitFor({ timeout: 20_000 });
        await page.close();
      }
      const boss = await open(context, admin(server));
      await boss.getByText("ended by the candidate").first().waitFor();
      await boss.getByRole("button", { name: "Story: past-u1" }).click();
      const story = boss.getByRole("dialog", { name: "The story of past-u1" });
      await story.getByText("Question asked").first().waitFor();
      await state(boss, "admin-story");
      await story.getByRole("button", { name: "Close" }).click();
      await boss.getByRole("link", { name: "How interviews end" }).click();
      await boss.locator("figcaption", { hasText: "3 interviews ended." }).waitFor();
      await state(boss, "admin-closures");
      await boss.getByRole("link", { name: "Plans" }).click();
      await boss.locator('[data-plan="practice"]').waitFor();
      await state(boss, "admin-plans");
      await boss.getByRole("link", { name: "Server" }).click();
      await boss.getByText("Ready for interviews", { exact: true }).waitFor();
      await state(boss, "admin-server");
      noFaults(boss);
    },
  },
  {
    name: "a Socket.IO client sits in the same room as the browser",
    async run({ server, context }) {
      const page = await open(context, candidate(server, "mixed"));
      await begin(page);
      const socket = io(`${server.url}/interview`, {
        auth: { token: token("sam", { role: "observer", session: "mixed" }) },
        reconnection: false,
      });
      try {
        await new Promise((done, fail) => {
          socket.once("connect", done);
          socket.once("connect_error", fail);
        });
        const heard = new Promise((done) => {
          socket.on("transcription:result", (result) => result.isFinal && done(result.text));
        });
        const reply = await socket
          .timeout(5_000)
          .emitWithAck("session:join", { sessionId: "mixed" });
        assert.equal(reply.type, "ok", JSON.stringify(reply));
        await page.getByText("sam", { exact: true }).waitFor();
        const text = await heard;
        await page.locator("[data-said]", { hasText: text }).first().waitFor();
        await socket.timeout(5_000).emitWithAck("session:leave", { sessionId: "mixed" });
        await page.getByText("Only you").waitFor({ timeout: 10_000 });
      } finally {
        socket.close();
      }
      noFaults(page);
    },
  },
];
