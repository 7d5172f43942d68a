// `ws`, the WebSocket client of Node: node plain.mjs
import assert from "node:assert/strict";
import { Plain, quiet, restart, run, token } from "./lib.mjs";

let number = 0;
const fresh = (name) => `plain-${name}-${++number}`;
const sound = Buffer.from(Array.from({ length: 320 }, (_, n) => n % 251));
const fields = { type: "audio:stream", format: "pcm16", sampleRate: 16_000 };

async function talks() {
  const session = fresh("session");
  const ana = await Plain.open(token(fresh("ana"), "candidate"));
  await ana.join(session, { audio: "binary" });
  const ben = await Plain.open(token("ben", "interviewer", { session }));
  await ben.join(session);
  await ana.seen.next("user:joined");
  await ben.ask({ ...fields, audioData: sound.toString("base64") });
  const chunk = await ana.seen.next("binary");
  assert.equal(chunk[0], 0x81);
  assert.ok(chunk.subarray(20).equals(sound));
  chunk[0] = 0x01;
  chunk[3] = 0;
  ana.socket.send(chunk);
  assert.equal((await ben.seen.next("audio:received")).audioData, sound.toString("base64"));
  assert.equal((await ana.ask({ type: "end_interview" })).type, "ok");
  for (const member of [ana, ben]) {
    await member.seen.next("session_ended");
    const close = await member.seen.next("close");
    assert.deepEqual(close, { code: 1000, reason: "session_over" });
  }
}

async function isReplaced() {
  const [session, user] = [fresh("session"), fresh("eve")];
  const first = await Plain.open(token(user, "candidate"));
  await first.join(session);
  const second = await Plain.open(token(user, "candidate"));
  await second.join(session);
  await first.seen.next("connection:replaced");
  assert.equal((await first.seen.next("close")).code, 4409);
  await quiet(second.seen, ["close"], 200);
}

async function isRefused() {
  const plain = new Plain("no.good.token");
  assert.equal((await plain.seen.next("connection:error")).code, "token_invalid");
  assert.equal((await plain.seen.next("close")).code, 4401);
}

async function resumesWithANewToken() {
  const [session, user] = [fresh("session"), fresh("kim")];
  const old = new Plain(token(user, "candidate", { seconds: 2 }));
  const success = await old.seen.next("connection:success");
  const joined = await old.join(session);
  assert.equal((await old.seen.next("close")).code, 4410);
  const fresher = await Plain.open(token(user, "candidate"));
  const resume = { key: success.resumeKey, epoch: joined.epoch, seq: joined.seq };
  assert.equal((await fresher.join(session, { resume })).recovered, true);
}

async function isSentAwayByADeploy() {
  const lea = await Plain.open(token(fresh("lea"), "candidate"));
  await lea.join(fresh("session"));
  await restart();
  assert.ok((await lea.seen.next("server:draining")).retryAfterMs > 0);
  assert.equal((await lea.seen.next("close")).code, 4420);
  await (await Plain.open(token(fresh("lea"), "candidate"))).join(fresh("session"));
}

await run([
  ["talks", talks],
  ["is replaced", isReplaced],
  ["is refused", isRefused],
  ["resumes with a new token", resumesWithANewToken],
  ["is sent away by a deploy", isSentAwayByADeploy],
]);
