// The report as the server draws it, with what a printed page does not have: ways to save it. The
// server's page is taken over as it is, so there is one look and one set of words for both.
import type { GreenroomClient } from "@greenroom/client";
import { useEffect, useRef, useState } from "react";
import type { Link } from "../link.ts";
import { clientFor, codeOf, isPassing } from "../session.ts";
import { app, report } from "../texts.ts";
import { Button, Frame, Message, useEvery, Waiting } from "../ui/parts.tsx";
import { say } from "../ui/say.ts";

type Loaded =
  | { at: "loading" }
  | { at: "there"; html: string }
  | { at: "later" }
  | { at: "missing" };

export function ReportPage({ link, id }: { link: Link; id: string }) {
  const client = clientFor(link);
  const [loaded, setLoaded] = useState<Loaded>({ at: "loading" });
  const load = useRef(async () => {});
  load.current = async () => {
    try {
      const response = await client.api.fetch(`/reports/${encodeURIComponent(id)}`);
      setLoaded({ at: "there", html: await response.text() });
    } catch (error) {
      const later = isPassing(error) || (await exists(client, id));
      setLoaded({ at: later ? "later" : "missing" });
    }
  };
  useEffect(() => void load.current(), []);
  useEvery(3_000, () => {
    if (loaded.at === "later") void load.current();
  });
  return (
    <Frame help={false}>
      {loaded.at === "loading" ? <Waiting>{report.loading}</Waiting> : null}
      {loaded.at === "later" ? (
        <Message title={report.notReady} body={report.notReadyBody} />
      ) : null}
      {loaded.at === "missing" ? (
        <Message title={report.missing} body={report.missingBody} />
      ) : null}
      {loaded.at === "there" ? (
        <>
          <Tools client={client} id={id} />
          <Drawn html={loaded.html} />
        </>
      ) : null}
    </Frame>
  );
}

/** Whether there will be one: the interview is known to this reader. */
async function exists(client: GreenroomClient, id: string): Promise<boolean> {
  try {
    const { status } = await client.api.session(id);
    return status !== "ended" && status !== "scheduled";
  } catch (error) {
    return codeOf(error) !== "session_not_found" && isPassing(error);
  }
}

/** The server's page without its frame. Its words come escaped; nothing in it can run, by the
 * policy of this page as well. Widths stand in attributes there and are set as properties here. */
function Drawn({ html }: { html: string }) {
  const here = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const target = here.current;
    if (!target) return;
    // Renamed and taken out before they are read: the policy of this page lets no style in that
    // stands in a page, and says so at every one. Spoken words have no bare quotes, they are escaped.
    const plain = html
      .replace(/<style>[\s\S]*?<\/style>/g, "")
      .replace(/ style="/g, ' data-style="');
    const page = new DOMParser().parseFromString(plain, "text/html");
    for (const styled of page.querySelectorAll<HTMLElement>("[data-style]")) {
      const given = styled.dataset.style ?? "";
      delete styled.dataset.style;
      for (const rule of given.split(";")) {
        const [name = "", value = ""] = rule.split(":");
        if (value) styled.style.setProperty(name.trim(), value.trim());
      }
    }
    const parts = [...page.body.children].filter(
      (part) => !["SCRIPT", "STYLE"].includes(part.tagName),
    );
    target.replaceChildren(...parts.map((part) => (part.tagName === "DIV" ? part : asDiv(part))));
    const heading = target.querySelector("h1");
    if (heading) {
      heading.tabIndex = -1;
      heading.focus({ preventScroll: true });
      document.title = `${heading.textContent} - ${app.name}`;
    }
    const wanted = location.hash.slice(1);
    if (wanted) document.getElementById(wanted)?.scrollIntoView();
  }, [html]);
  return <div className="reported" ref={here} />;
}

/** Frames of a whole page have no place inside another one. */
function asDiv(part: Element): HTMLElement {
  const div = document.createElement("div");
  div.className = `as-${part.tagName.toLowerCase()}`;
  div.append(...part.childNodes);
  return div;
}

const FORMATS = ["json", "md", "csv", "vtt"] as const;

function Tools({ client, id }: { client: GreenroomClient; id: string }) {
  const [format, setFormat] = useState<(typeof FORMATS)[number]>("md");
  const [told, setTold] = useState("");
  const save = async () => {
    try {
      const path = `/api/sessions/${encodeURIComponent(id)}/report`;
      const response = await client.api.fetch(path, { query: { format } });
      const name = `interview-${id}.${format}`;
      const address = URL.createObjectURL(await response.blob());
      const anchor = document.createElement("a");
      anchor.href = address;
      anchor.download = name;
      anchor.click();
      setTimeout(() => URL.revokeObjectURL(address), 10_000);
      setTold(report.saved(name));
      say(report.saved(name));
    } catch {
      setTold(report.saveFailed);
      say(report.saveFailed);
    }
  };
  return (
    <div className="report-bar">
      <Button kind="small" onClick={() => print()}>
        {report.print}
      </Button>
      <label className="field">
        <span className="hidden">{report.save}</span>
        <select value={format} onChange={(event) => setFormat(event.target.value as typeof format)}>
          {FORMATS.map((name) => (
            <option key={name} value={name}>
              {report.formats[name]}
            </option>
          ))}
        </select>
      </label>
      <Button kind="small" onClick={save}>
        {report.save}
      </Button>
      {told ? <span className="soft">{told}</span> : null}
    </div>
  );
}
