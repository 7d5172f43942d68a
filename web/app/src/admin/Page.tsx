// For those who run the server: what is going on, how interviews end, plans, the server itself.
import type { Link } from "../link.ts";
import { go } from "../route.ts";
import { clientFor } from "../session.ts";
import { admin } from "../texts.ts";
import { Frame, Heading, Message } from "../ui/parts.tsx";
import { Closures } from "./Closures.tsx";
import { LivePart } from "./Live.tsx";
import { Plans } from "./Plans.tsx";
import { Server } from "./Server.tsx";

const PARTS = ["live", "closures", "plans", "server"] as const;
type Part = (typeof PARTS)[number];

export function AdminPage({ link, part }: { link: Link; part: string }) {
  if (link.role !== "admin") {
    return (
      <Frame>
        <Message title={admin.only} body={admin.onlyBody} />
      </Frame>
    );
  }
  const client = clientFor(link);
  const shown: Part = PARTS.find((known) => known === part) ?? "live";
  return (
    <Frame broad help={false} topic={admin.title}>
      <nav className="tabs" aria-label={admin.nav}>
        {PARTS.map((name) => (
          <a
            key={name}
            href={`/admin/${name}`}
            aria-current={name === shown ? "page" : undefined}
            onClick={(event) => {
              if (event.metaKey || event.ctrlKey) return;
              event.preventDefault();
              go(`/admin/${name}`);
            }}
          >
            {admin.tabs[name]}
          </a>
        ))}
      </nav>
      <Heading key={shown}>{shown === "live" ? admin.live.title : admin.tabs[shown]}</Heading>
      {shown === "live" ? <LivePart client={client} /> : null}
      {shown === "closures" ? <Closures client={client} /> : null}
      {shown === "plans" ? <Plans client={client} /> : null}
      {shown === "server" ? <Server client={client} /> : null}
    </Frame>
  );
}
