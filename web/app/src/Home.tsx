// For somebody who came without a link, or with one that could open several pages.
import { type FormEvent, useState } from "react";
import { addressFor } from "./address.ts";
import { codeIn, inside, type Link } from "./link.ts";
import { go } from "./route.ts";
import { home } from "./texts.ts";
import { Button, Frame, Heading } from "./ui/parts.tsx";

export function HomePage({ link }: { link: Link | null }) {
  const [text, setText] = useState("");
  const [bad, setBad] = useState(false);
  const own = link ? addressFor(link) : null;
  const open = (event: FormEvent) => {
    event.preventDefault();
    const code = codeIn(text);
    if (code) return go(`/?transfer=${code}`);
    const path = inside(text);
    if (!path) return setBad(true);
    // With its key, so a real load: it is read at the start.
    location.assign(path);
    if (path.split("#")[0] === location.pathname) location.reload();
  };
  return (
    <Frame>
      <Heading>{home.title}</Heading>
      {own ? (
        <>
          <p className="lead">{home.ready}</p>
          <div className="actions">
            <Button kind="first" onClick={() => go(own)}>
              {home.goOn}
            </Button>
          </div>
        </>
      ) : (
        <p className="lead">{home.lead}</p>
      )}
      <form className="card paste" onSubmit={open}>
        <div className="inline">
          <label className="field">
            <span>{home.paste}</span>
            <input
              type="text"
              value={text}
              autoComplete="off"
              spellCheck={false}
              aria-invalid={bad || undefined}
              onChange={(event) => {
                setText(event.target.value);
                setBad(false);
              }}
            />
          </label>
          <Button type="submit">{home.open}</Button>
        </div>
        {bad ? (
          <p className="notice" role="alert">
            {home.badLink}
          </p>
        ) : null}
      </form>
      <p className="aside">
        <a href="/check">{home.tryMic}</a>
      </p>
    </Frame>
  );
}
