// The server in figures: is it ready, what is in it, how much memory it takes.
import type { Answer, GreenroomClient, Readiness } from "@greenroom/client";
import type { ReactNode } from "react";
import { admin, ago, app, took } from "../texts.ts";
import { useNow, Waiting } from "../ui/parts.tsx";
import { useLoaded } from "./data.ts";

const texts = admin.server;

export function Server({ client }: { client: GreenroomClient }) {
  const figures = useLoaded(() => client.api.request<Answer<"metrics">>("/api/metrics"), 5_000);
  // Not ready is an answer, too, and comes with 503.
  const ready = useLoaded(async () => (await (await fetch("/readyz")).json()) as Readiness, 5_000);
  const now = useNow(1_000);
  if (figures.value === null) {
    return figures.failed ? (
      <p className="notice">{admin.failed}</p>
    ) : (
      <Waiting>{app.loading}</Waiting>
    );
  }
  const { memory, activeInterviewSessions: rows, ...counts } = figures.value;
  const isReady = ready.value?.status === "ready";
  return (
    <>
      <p className="soft">{admin.updated(ago(now - figures.at))}</p>
      {ready.value ? (
        <>
          <p className={isReady ? "notice good" : "notice bad"} role="status">
            <strong>{isReady ? texts.ready : texts.notReady}</strong>
          </p>
          <table className="list">
            <caption>{texts.checks}</caption>
            <tbody>
              {ready.value.checks.map((check) => (
                <tr key={check.name}>
                  <th scope="row">{check.name}</th>
                  <td>
                    <span className={check.ok ? "dot good" : "dot bad"} aria-hidden="true" />
                    {check.detail || texts.fine}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      ) : null}
      <h2>{texts.figures}</h2>
      <dl className="tiles">
        <Tile name={texts.sessions}>{counts.activeSessions}</Tile>
        <Tile name={texts.timers}>{counts.questionTimers}</Tile>
        <Tile name={texts.seats}>{counts.socketMappings}</Tile>
        <Tile name={texts.rows}>{rows?.rows ?? texts.none}</Tile>
        <Tile name={texts.oldest}>
          {rows?.oldestAgeMs == null ? texts.none : took(rows.oldestAgeMs)}
        </Tile>
        <Tile name={texts.cleaned}>{counts.cleanedUpTotal}</Tile>
      </dl>
      <h2>{texts.memory}</h2>
      <dl className="tiles">
        <Tile name={texts.rss}>{mb(memory.rss)}</Tile>
        <Tile name={texts.heap}>{mb(memory.heapUsed)}</Tile>
        <Tile name={texts.heapTotal}>{mb(memory.heapTotal)}</Tile>
        <Tile name={texts.external}>{mb(memory.external)}</Tile>
      </dl>
    </>
  );
}

const mb = (bytes: number) => texts.mb(Math.round(bytes / 1_048_576));

function Tile({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
