/** What the compiler promises; it runs nothing that could fail. */
import { expectTypeOf, it } from "vitest";
import {
  type ConnectionState,
  createClient,
  type GreenroomError,
  type InSession,
  type SessionState,
} from "../src/index.ts";

it("types events by their names, and states by their words", () => {
  const client = createClient({ url: "http://localhost", token: "t" });
  const session = client.session("s1");
  session.on("question:asked", (event) => {
    expectTypeOf(event.text).toEqualTypeOf<string>();
    expectTypeOf(event.replayed).toEqualTypeOf<true | undefined>();
  });
  session.on("transcription:result", (event) => {
    if (!event.isFinal) expectTypeOf(event.stable).toEqualTypeOf<number>();
  });
  client.on("state", (state) => expectTypeOf(state).toEqualTypeOf<ConnectionState>());
  // @ts-expect-error: no such event
  client.on("question:asekd", () => {});
  // @ts-expect-error: a start needs its words
  session.request({ type: "interview:strat" }).catch(() => {});

  const narrowed = (state: ConnectionState) => {
    if (state.status === "connected") expectTypeOf(state.userId).toEqualTypeOf<string>();
    if (state.status === "closed") expectTypeOf(state.error).toEqualTypeOf<GreenroomError | null>();
    // @ts-expect-error: only a connected one has it
    return state.userId;
  };
  const inside = (state: SessionState) => {
    if ("live" in state) expectTypeOf(state).toExtend<InSession>();
    return state.phase === "ended" ? state.reportUrl : null;
  };
  expectTypeOf(narrowed).parameter(0).toEqualTypeOf<ConnectionState>();
  expectTypeOf(inside).returns.toEqualTypeOf<string | null>();
  expectTypeOf(session.join).returns.resolves.toEqualTypeOf<InSession>();
});
