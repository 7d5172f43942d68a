// What is heard, as it is heard: sure words solid, words that may still change in grey. Only sure
// words are in the log that a screen reader may read; the others would be said again and again.
import {
  memo,
  type ReactNode,
  useCallback,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { live } from "../texts.ts";
import { Button } from "./parts.tsx";

export type Line =
  | { kind: "said"; key: string; who: string | null; text: string; typed?: boolean }
  | { kind: "gap"; key: string }
  | { kind: "asked"; key: string; text: string };

export interface Growing {
  key: string;
  who: string | null;
  text: string;
  /** How many words will not change any more. */
  stable: number;
}

interface CaptionsProps {
  title: string;
  empty: string;
  lines: readonly Line[];
  growing: readonly Growing[];
  /** Whether new sure words are read aloud. */
  aloud: boolean;
  head?: ReactNode;
  bare?: boolean;
}

export function Captions({ title, empty, lines, growing, aloud, head, bare }: CaptionsProps) {
  const box = useRef<HTMLElement>(null);
  const follows = useRef(true);
  const [behind, setBehind] = useState(false);
  const down = useCallback(() => {
    const words = box.current;
    if (words) words.scrollTop = words.scrollHeight;
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: follows whatever is new
  useLayoutEffect(() => {
    if (follows.current) down();
  }, [lines, growing, down]);
  // A box that grows or shrinks keeps showing its end.
  useEffect(() => {
    const words = box.current;
    if (!words) return;
    const watcher = new ResizeObserver(() => {
      if (follows.current) down();
    });
    watcher.observe(words);
    return () => watcher.disconnect();
  }, [down]);
  const moved = () => {
    const words = box.current;
    if (!words) return;
    follows.current = words.scrollHeight - words.scrollTop - words.clientHeight < 24;
    setBehind(!follows.current);
  };
  const nothing = lines.length === 0 && growing.length === 0;
  const words = (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard
    <section className="words" ref={box} onScroll={moved} tabIndex={0} aria-label={title}>
      <div role="log" aria-live={aloud ? "polite" : "off"} aria-label={title}>
        {lines.map((line) => (
          <CaptionLine key={line.key} line={line} />
        ))}
      </div>
      {growing.map((words) => (
        <p key={words.key} className="growing" data-growing dir="auto">
          {words.who ? <span className="who">{words.who}</span> : null}
          <Split text={words.text} stable={words.stable} />
        </p>
      ))}
      {nothing ? <p className="empty">{empty}</p> : null}
    </section>
  );
  const latest = behind ? (
    <Button
      kind="small latest"
      onClick={() => {
        follows.current = true;
        setBehind(false);
        down();
      }}
    >
      {live.latest}
    </Button>
  ) : null;
  if (bare) {
    return (
      <div className="captions-bare">
        {words}
        {latest}
      </div>
    );
  }
  return (
    <section className="captions">
      <header>
        <h2>{title}</h2>
        {head}
      </header>
      {words}
      {latest}
    </section>
  );
}

/** Drawn once: the lines above do not change while somebody speaks. */
const CaptionLine = memo(function CaptionLine({ line }: { line: Line }) {
  if (line.kind === "gap") return <p className="lost">{live.gap}</p>;
  if (line.kind === "asked") {
    return (
      <p className="break" dir="auto">
        {line.text}
      </p>
    );
  }
  return (
    <p data-said dir="auto">
      {line.who ? (
        <span className="who">
          {line.who}
          {line.typed ? ` (${live.typed})` : null}
        </span>
      ) : null}
      {line.text}
    </p>
  );
});

/** The first `stable` words solid, the rest grey. */
function Split({ text, stable }: { text: string; stable: number }) {
  const parts = text.match(/\S+\s*/g) ?? [];
  return (
    <>
      <b>{parts.slice(0, stable).join("")}</b>
      {parts.slice(stable).join("")}
    </>
  );
}
