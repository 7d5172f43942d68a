// @vitest-environment happy-dom
/** The examples against the real server: what a person would click. */
import { createClient } from "@greenroom/client";
import { WebSocketProvider } from "@greenroom/react";
import { act, fireEvent, render } from "@testing-library/react";
import { StrictMode } from "react";
import { afterAll, beforeAll, it } from "vitest";
import { WebSocket } from "ws";
import { type Server, startServer, until } from "../../testing/server.ts";
import { interview } from "../plain/src/interview.ts";
import { Interview } from "../react/src/interview.tsx";

let server: Server;

beforeAll(async () => {
  server = await startServer();
});

afterAll(async () => {
  await server?.stop();
});

/** Follows one interview on a page that shows status and question. */
async function follow(place: HTMLElement, click: (label: string) => void) {
  const shows = (text: string) => until(() => place.textContent?.includes(text), text);
  await shows("connected, lobby");
  click("Start");
  await shows("Who are you?");
  await shows("connected, live");
  click("I'm done");
  await shows("closed, ended");
}

it("plain: from the lobby to the end", async () => {
  const place = document.createElement("main");
  document.body.append(place);
  const options = { url: server.url, token: server.token("plain", "candidate"), WebSocket };
  const stop = interview(place, options, "example-plain");
  await follow(place, (label) => {
    for (const button of place.querySelectorAll("button")) {
      if (button.textContent === label) button.click();
    }
  });
  stop();
  place.remove();
});

it("react: from the lobby to the end, under StrictMode", async () => {
  const token = server.token("react", "candidate");
  const client = createClient({ url: server.url, token, WebSocket });
  const { container, getByText, unmount } = render(
    <StrictMode>
      <WebSocketProvider client={client}>
        <Interview id="example-react" />
      </WebSocketProvider>
    </StrictMode>,
  );
  await act(() => follow(container, (label) => fireEvent.click(getByText(label))));
  unmount();
  await client.disconnect();
});
