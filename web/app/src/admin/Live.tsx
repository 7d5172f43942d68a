// The interviews that run, each with how it is in words and one action each.
import type { GreenroomClient, SessionSummary } from "@greenroom/client";
import { useState } from "react";
import { go } from "../route.ts";
import { codeOf } from "../session.ts";
import { admin, ago, app, reasons, refused, took, watch } from "../texts.ts";
import { Button, Confirm, useNow, Waiting } from "../ui/parts.tsx";
import { say } from "../ui/say.ts";
import { Create } from "./Create.tsx";
import { liveSessions, recentlyEnded, useLoaded } from "./data.ts";
import { type Health, healthOf, type LiveSession } from "./health.ts";
import { Story } from "./Story.tsx";

const texts = admin.live;

type Asked = { what: "end" | "clear"; row: LiveSession } | null;

export function LivePart({ client }: { client: GreenroomClient }) {
  const live = useLoaded(() => liveSessions(client), 5_000);
  const ended = useLoaded(() => recentlyEnded(client), 10_000);
  const now = useNow(1_000);
  const [asked, setAsked] = useState<Asked>(null);
  const [story, setStory] = useState<SessionSummary | null>(null);
  const act = async () => {
    if (!asked) return;
    const { row, what } = asked;
    try {
      if (what === "end") {
        await client.api.request(`/api/sessions/${encodeURIComponent(row.id)}/end`, {
          method: "POST",
        });
      } else {
        const query = row.candidate ? { user: row.candidate } : {};
        await client.api.request("/api/sessions/active", { method: "DELETE", query });
      }
      say(texts.done);
    } catch (error) {
      say(refused[codeOf(error)]?.title ?? app.wrong);
    } finally {
      setAsked(null);
      live.again();
      ended.again();
    }
  };
  return (
    <>
      <p className="soft">{live.at ? admin.updated(ago(now - live.at)) : null}</p>
      {live.failed ? (
        <p className="notice" role="alert">
          {admin.failed}
        </p>
      ) : null}
      {live.value === null ? (
        live.failed ? null : (
          <Waiting>{app.loading}</Waiting>
        )
      ) : live.value.length === 0 ? (
        <p className="panel">{texts.none}</p>
      ) : (
        <LiveTable rows={live.value} now={now} onAsk={setAsked} onStory={setStory} />
      )}
      <Create client={client} onMade={live.again} />
      <h2>{texts.recent}</h2>
      <Recent rows={ended.value ?? []} now={now} onStory={setStory} />
      {asked ? (
        <Confirm
          title={
            asked.what === "end"
              ? texts.endTitle(nameOf(asked.row))
              : texts.clearTitle(asked.row.candidate ?? "")
          }
          body={asked.what === "end" ? texts.endBody : texts.clearBody}
          yes={asked.what === "end" ? texts.endYes : texts.clearYes}
          no={texts.no}
          onYes={act}
          onNo={() => setAsked(null)}
        />
      ) : null}
      {story ? (
        <Story client={client} id={story.id} name={nameOf(story)} onClose={() => setStory(null)} />
      ) : null}
    </>
  );
}

const nameOf = (row: SessionSummary) => row.title || row.id;

const DOTS: Record<Health, string> = {
  good: "good",
  waiting: "",
  unstable: "warn",
  stuck: "bad",
  finishing: "warn",
};

interface TableProps {
  rows: readonly LiveSession[];
  now: number;
  onAsk: (asked: Asked) => void;
  onStory: (row: SessionSummary) => void;
}

function LiveTable({ rows, now, onAsk, onStory }: TableProps) {
  return (
    <table className="list stack">
      <thead>
        <tr>
          <th scope="col">{texts.name}</th>
          <th scope="col">{texts.health}</th>
          <th scope="col">{texts.age}</th>
          <th scope="col">{texts.people}</th>
          <th scope="col">{texts.actions}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => {
          const health = healthOf(row, now);
          const name = nameOf(row);
          return (
            <tr key={row.id} data-session={row.id}>
              <th scope="row">
                <bdi>{name}</bdi>
                {row.candidate ? <small>{row.candidate}</small> : null}
              </th>
              <td>
                <span className="state">
                  <span className={`dot ${DOTS[health]}`} aria-hidden="true" />
                  {texts[health]}
                </span>
                <small>{why(health, row, now)}</small>
              </td>
              <td data-label={texts.age}>
                {row.startedAt
                  ? took(now - row.startedAt)
                  : `${texts.notStarted} (${took(now - row.createdAt)})`}
              </td>
              <td data-label={texts.people}>
                {(row.members ?? []).length === 0
                  ? watch.nobody
                  : (row.members ?? []).map((m) => (
                      <span key={m.userId} className="member">
                        <bdi>{m.userId}</bdi> ({watch.roles[m.role]}
                        {m.state === "connected" ? "" : `, ${watch.gone}`}){" "}
                      </span>
                    ))}
              </td>
              <td>
                <div className="actions">
                  <Button
                    kind="small"
                    onClick={() => go(`/watch/${encodeURIComponent(row.id)}`)}
                    aria-label={`${texts.watch}: ${name}`}
                  >
                    {texts.watch}
                  </Button>
                  <Button
                    kind="small"
                    onClick={() => onStory(row)}
                    aria-label={`${texts.story}: ${name}`}
                  >
                    {texts.story}
                  </Button>
                  {row.candidate && row.status !== "scheduled" ? (
                    <Button
                      kind="small risky"
                      onClick={() => onAsk({ what: "clear", row })}
                      aria-label={`${texts.clear}: ${name}`}
                    >
                      {texts.clear}
                    </Button>
                  ) : null}
                  <Button
                    kind="small risky"
                    onClick={() => onAsk({ what: "end", row })}
                    aria-label={`${texts.end}: ${name}`}
                  >
                    {texts.end}
                  </Button>
                </div>
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function why(health: Health, row: LiveSession, now: number): string {
  switch (health) {
    case "good":
      return texts.whyGood;
    case "waiting":
      return texts.whyWaiting;
    case "unstable":
      return texts.whyUnstable;
    case "stuck":
      return texts.whyStuck(ago(now - row.lastActivityAt));
    case "finishing":
      return texts.whyFinishing;
  }
}

const clock = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
export const inUtc = (ms: number) =>
  `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;

/** A time as people here read it, with the one that is the same everywhere beside it. */
export function When({ at }: { at: number }) {
  return (
    <time dateTime={new Date(at).toISOString()} title={inUtc(at)}>
      {clock.format(at)}
    </time>
  );
}

function Recent({
  rows,
  now,
  onStory,
}: {
  rows: readonly SessionSummary[];
  now: number;
  onStory: (row: SessionSummary) => void;
}) {
  if (rows.length === 0) return <p className="panel">{texts.recentNone}</p>;
  return (
    <table className="list stack">
      <thead>
        <tr>
          <th scope="col">{texts.name}</th>
          <th scope="col">{texts.ended}</th>
          <th scope="col">{texts.lasted}</th>
          <th scope="col">{texts.when}</th>
          <th scope="col">{texts.actions}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.id} data-session={row.id}>
            <th scope="row">
              <bdi>{nameOf(row)}</bdi>
              {row.candidate ? <small>{row.candidate}</small> : null}
            </th>
            <td data-label={texts.ended}>{row.reason ? reasons[row.reason] : watch.over}</td>
            <td data-label={texts.lasted}>
              {row.durationMs === undefined ? texts.notStarted : took(row.durationMs)}
            </td>
            <td data-label={texts.when}>
              <When at={row.endedAt ?? row.createdAt} />
              <small>{ago(now - (row.endedAt ?? row.createdAt))}</small>
            </td>
            <td>
              <div className="actions">
                {row.startedAt ? (
                  <Button
                    kind="small"
                    onClick={() => go(`/report/${encodeURIComponent(row.id)}`)}
                    aria-label={`${texts.report}: ${nameOf(row)}`}
                  >
                    {texts.report}
                  </Button>
                ) : null}
                <Button
                  kind="small"
                  onClick={() => onStory(row)}
                  aria-label={`${texts.story}: ${nameOf(row)}`}
                >
                  {texts.story}
                </Button>
              </div>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
