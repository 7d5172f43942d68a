// How interviews end, over time: a drawing with one sentence, and the same figures as a table.
import type { GreenroomClient } from "@greenroom/client";
import { useId, useState } from "react";
import { admin, app, type Reason, reasons } from "../texts.ts";
import { useNarrow, Waiting } from "../ui/parts.tsx";
import { type Bucket, filled, type Kind, kindOf, step } from "./buckets.ts";
import { closedConnections, closures, useLoaded } from "./data.ts";
import { When } from "./Live.tsx";

const texts = admin.closures;
const HOUR = 3_600_000;
const RANGES = { day: [24, HOUR], week: [7, 24 * HOUR], month: [30, 24 * HOUR] } as const;
type Range = keyof typeof RANGES;

const sum = (bucket: Bucket, kind?: Kind) =>
  Object.entries(bucket.counts).reduce(
    (n, [reason, c]) => n + (!kind || kindOf(reason as Reason) === kind ? c : 0),
    0,
  );

export function Closures({ client }: { client: GreenroomClient }) {
  const [range, setRange] = useState<Range>("day");
  return (
    <>
      <p className="lead">{texts.lead}</p>
      <label className="field narrow">
        <span>{texts.range}</span>
        <select value={range} onChange={(event) => setRange(event.target.value as Range)}>
          <option value="day">{texts.day}</option>
          <option value="week">{texts.week}</option>
          <option value="month">{texts.month}</option>
        </select>
      </label>
      <Shown key={range} client={client} range={range} />
      <Connections client={client} />
    </>
  );
}

function Shown({ client, range }: { client: GreenroomClient; range: Range }) {
  const [count, width] = RANGES[range];
  const told = useId();
  const loaded = useLoaded(async () => {
    const first = Math.floor(Date.now() / width) * width - (count - 1) * width;
    const { buckets } = await closures(client, first, first + count * width, width);
    return filled(buckets, first, count, width);
  }, 30_000);
  if (loaded.value === null) {
    return loaded.failed ? (
      <p className="notice">{admin.failed}</p>
    ) : (
      <Waiting>{app.loading}</Waiting>
    );
  }
  const all = loaded.value;
  const totals = new Map<Reason, number>();
  for (const bucket of all) {
    for (const [reason, n] of Object.entries(bucket.counts)) {
      totals.set(reason as Reason, (totals.get(reason as Reason) ?? 0) + n);
    }
  }
  const ordered = [...totals].sort((a, b) => b[1] - a[1]);
  const [top] = ordered;
  if (!top) return <p className="panel">{texts.none}</p>;
  const whole = ordered.reduce((n, [, c]) => n + c, 0);
  const sentence = texts.summary(whole, reasons[top[0]]);
  return (
    <>
      <figure>
        <Chart all={all} told={told} hours={width === HOUR} />
        <Legend />
        <figcaption id={told}>{sentence}</figcaption>
      </figure>
      <table className="list">
        <thead>
          <tr>
            <th scope="col">{admin.live.ended}</th>
            <th scope="col" className="number">
              {texts.total}
            </th>
          </tr>
        </thead>
        <tbody>
          {ordered.map(([reason, n]) => (
            <tr key={reason} data-reason={reason}>
              <th scope="row">{reasons[reason]}</th>
              <td className="number">{n}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <details>
        <summary>{texts.table}</summary>
        <table className="list">
          <thead>
            <tr>
              <th scope="col">{texts.from}</th>
              {(["good", "early", "broken"] as const).map((kind) => (
                <th scope="col" className="number" key={kind}>
                  {texts[kind]}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {all
              .filter((bucket) => sum(bucket) > 0)
              .map((bucket) => (
                <tr key={bucket.from}>
                  <th scope="row">
                    <When at={bucket.from} />
                  </th>
                  {(["good", "early", "broken"] as const).map((kind) => (
                    <td className="number" key={kind}>
                      {sum(bucket, kind)}
                    </td>
                  ))}
                </tr>
              ))}
          </tbody>
        </table>
      </details>
    </>
  );
}

/** The latest connections that are over: where to look when somebody says they were thrown out. */
function Connections({ client }: { client: GreenroomClient }) {
  const loaded = useLoaded(() => closedConnections(client), 15_000);
  const rows = (loaded.value ?? []).slice(0, 50);
  return (
    <>
      <h2>{texts.connections}</h2>
      {rows.length === 0 ? (
        <p className="panel">{loaded.failed ? admin.failed : texts.connectionsNone}</p>
      ) : (
        <table className="list stack">
          <thead>
            <tr>
              <th scope="col">{texts.who}</th>
              <th scope="col">{texts.why}</th>
              <th scope="col">{texts.when}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.connectionId}>
                <th scope="row">
                  <bdi>{row.userId}</bdi>
                  {row.sessionId ? <small>{row.sessionId}</small> : null}
                </th>
                <td data-label={texts.why}>{texts.closes[row.reason] ?? row.reason}</td>
                <td data-label={texts.when}>
                  <When at={row.closedAt} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

/** Drawn in the width it has, so that its letters stay as large as others and nothing is cut off. */
const WIDE = 720;
const NARROW = 320;
const H = 220;
const LEFT = 32;
const BOTTOM = 24;
const TOP = 10;

function Chart({ all, told, hours }: { all: readonly Bucket[]; told: string; hours: boolean }) {
  const narrow = useNarrow();
  const W = narrow ? NARROW : WIDE;
  const max = Math.max(1, ...all.map((bucket) => sum(bucket)));
  const lines: number[] = [];
  for (let at = 0; at <= max; at += step(max)) lines.push(at);
  const y = (n: number) => TOP + (H - TOP - BOTTOM) * (1 - n / Math.max(max, lines.at(-1) ?? 1));
  const slot = (W - LEFT) / all.length;
  const bar = Math.min(36, slot * 0.7);
  const label = new Intl.DateTimeFormat(
    "en",
    hours ? { hour: "numeric" } : { month: "short", day: "numeric" },
  );
  const every = Math.ceil(all.length / (narrow ? 4 : 8));
  return (
    <div className="chart">
      {/* biome-ignore lint/a11y/noSvgWithoutTitle: its name stands below it, for everybody */}
      <svg viewBox={`0 0 ${W} ${H}`} role="img" aria-labelledby={told}>
        {lines.map((n) => (
          <g key={n}>
            <line x1={LEFT} x2={W} y1={y(n)} y2={y(n)} />
            <text x={LEFT - 6} y={y(n)} dy="4" textAnchor="end">
              {n}
            </text>
          </g>
        ))}
        {all.map((bucket, n) => {
          const x = LEFT + n * slot + (slot - bar) / 2;
          let below = 0;
          return (
            <g key={bucket.from}>
              {(["good", "early", "broken"] as const).map((kind) => {
                const count = sum(bucket, kind);
                if (count === 0) return null;
                const from = below;
                below += count;
                const top = y(below);
                const height = Math.max(1, y(from) - top - 1);
                return (
                  <g key={kind}>
                    <rect className={kind} x={x} y={top} width={bar} height={height} />
                    {kind === "broken" ? (
                      <path className="slash" d={`M${x} ${top + height} L${x + bar} ${top}`} />
                    ) : null}
                  </g>
                );
              })}
              {n % every === 0 ? (
                <text x={x + bar / 2} y={H - 6} textAnchor="middle">
                  {label.format(bucket.from)}
                </text>
              ) : null}
            </g>
          );
        })}
      </svg>
    </div>
  );
}

function Legend() {
  return (
    <ul className="legend">
      {(["good", "early", "broken"] as const).map((kind) => (
        <li key={kind}>
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <rect className={kind} width="16" height="16" rx="2" />
            {kind === "broken" ? <path className="slash" d="M0 16 L16 0" /> : null}
          </svg>
          {texts[kind]}
        </li>
      ))}
    </ul>
  );
}
