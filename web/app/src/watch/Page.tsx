// For interviewers and observers: as many interviews at once as they were invited to, each with who
// is there, what is asked, what is said, and what they may do.
import { type FormEvent, useState } from "react";
import { ConnectionBanner } from "../interview/Banner.tsx";
import { inside, type Link } from "../link.ts";
import { go, parse } from "../route.ts";
import { clientFor, useStore } from "../session.ts";
import { home, watch } from "../texts.ts";
import { Button, Frame, Heading } from "../ui/parts.tsx";
import { RoomView } from "./Room.tsx";

export const addressOf = (ids: readonly string[]) =>
  ids.length === 0 ? "/watch" : `/watch/${ids.map(encodeURIComponent).join(",")}`;

export function WatchPage({ link, ids }: { link: Link; ids: string[] }) {
  const client = clientFor(link);
  const state = useStore(client);
  const shown = ids.length === 0 && link.only ? [link.only] : ids;
  const open = (id: string) => go(addressOf([...new Set([...shown, id])]));
  const close = (id: string) => {
    void client.session(id).leave();
    go(addressOf(shown.filter((other) => other !== id)));
  };
  return (
    <Frame
      broad
      banner={
        <ConnectionBanner
          state={state}
          speaking={false}
          dropped={false}
          restarting={false}
          onTry={() => void client.connect().catch(() => {})}
        />
      }
    >
      <Heading>{watch.title}</Heading>
      {shown.length === 0 ? <p className="lead">{watch.none}</p> : null}
      <div className="rooms">
        {shown.map((id) => (
          <RoomView
            key={id}
            client={client}
            id={id}
            onClose={shown.length > 1 ? () => close(id) : null}
          />
        ))}
      </div>
      <Add onOpen={open} />
    </Frame>
  );
}

function Add({ onOpen }: { onOpen: (id: string) => void }) {
  const [text, setText] = useState("");
  const [bad, setBad] = useState(false);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const id = idIn(text);
    setBad(id === null);
    if (id === null) return;
    setText("");
    onOpen(id);
  };
  return (
    <form className="card add" onSubmit={submit}>
      <h2>{watch.add}</h2>
      <p className="soft">{watch.lead}</p>
      <div className="inline">
        <label className="field">
          <span>{watch.addLabel}</span>
          <input
            type="text"
            value={text}
            autoComplete="off"
            spellCheck={false}
            aria-invalid={bad || undefined}
            onChange={(event) => setText(event.target.value)}
          />
        </label>
        <Button type="submit">{watch.addButton}</Button>
      </div>
      {bad ? (
        <p className="notice" role="alert">
          {home.badLink}
        </p>
      ) : null}
    </form>
  );
}

/** The interview a link or a bare name means. */
function idIn(text: string): string | null {
  const trimmed = text.trim();
  if (/^[\w.~-]{1,64}$/.test(trimmed)) return trimmed;
  const path = inside(trimmed);
  if (!path) return null;
  const route = parse(path.split(/[?#]/)[0] ?? "");
  if (route.page === "watch") return route.ids[0] ?? null;
  return route.page === "interview" || route.page === "report" ? route.id : null;
}
