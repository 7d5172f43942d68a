/** An interview on a page, without a framework. */
import { type ClientOptions, createClient } from "@greenroom/client";
import { createMicrophone, type Microphone, publish } from "@greenroom/client/audio";

/** Draws into `place` and returns what cleans up. */
export function interview(place: HTMLElement, options: ClientOptions, sessionId: string) {
  const client = createClient(options);
  const session = client.session(sessionId);
  let microphone: Microphone | undefined;

  place.innerHTML = `
    <p role="status"></p>
    <h1></h1>
    <p class="captions"></p>
    <button data-do="start">Start</button>
    <button data-do="microphone">Use the microphone</button>
    <button data-do="done">I'm done</button>
    <button data-do="end">End</button>`;
  const find = (selector: string) => place.querySelector(selector) as HTMLElement;

  const draw = () => {
    const state = session.getSnapshot();
    find("[role=status]").textContent = `${client.state.status}, ${state.phase}`;
    find("h1").textContent = "question" in state ? (state.question?.text ?? "") : "";
    const { segments, interim } = session.transcript.getSnapshot();
    find(".captions").textContent = [...segments, ...interim].map(({ text }) => text).join(" ");
  };
  const off = [client, session, session.transcript].map((store) => store.subscribe(draw));
  draw();

  const actions: Record<string, () => Promise<unknown>> = {
    start: () => session.start({ questions: [{ text: "Who are you?", limitSeconds: 60 }] }),
    done: () => session.answerDone(),
    end: () => session.end(),
    microphone: async () => {
      microphone = await createMicrophone();
      publish(session, microphone);
    },
  };
  place.onclick = ({ target }) => {
    const action = actions[(target as HTMLElement).dataset.do ?? ""];
    action?.().catch((error: Error) => {
      find("[role=status]").textContent = error.message;
    });
  };

  session.join().catch(() => {});
  return () => {
    for (const stop of off) stop();
    microphone?.stop();
    void client.disconnect();
  };
}
