// Where the app begins: the link, the address, the page.
import { Component, lazy, type ReactNode, StrictMode, Suspense, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { HomePage } from "./Home.tsx";
import { CheckPage } from "./interview/Check.tsx";
import { InterviewPage } from "./interview/Page.tsx";
import { type Link, take } from "./link.ts";
import { MovePage } from "./Move.tsx";
import { parse, type Route, usePath } from "./route.ts";
import "./style.css";
import { admin, app, check, home, report, watch } from "./texts.ts";
import { Button, Frame, Message, Waiting } from "./ui/parts.tsx";

// Candidates wait for none of these.
const WatchPage = lazy(() => import("./watch/Page.tsx").then((m) => ({ default: m.WatchPage })));
const ReportPage = lazy(() => import("./report/Page.tsx").then((m) => ({ default: m.ReportPage })));
const AdminPage = lazy(() => import("./admin/Page.tsx").then((m) => ({ default: m.AdminPage })));

const titles: Record<Route["page"], string> = {
  home: home.title,
  check: check.title,
  interview: app.interview,
  watch: watch.title,
  report: report.title,
  admin: admin.title,
  nowhere: home.title,
};

function App({ first }: { first: Link | null }) {
  const route = parse(usePath());
  const link = useLink(first);
  useEffect(() => {
    document.title = `${titles[route.page]} - ${app.name}`;
  }, [route.page]);
  return (
    <Guard>
      <Suspense fallback={<Frame>{<Waiting>{app.loading}</Waiting>}</Frame>}>
        <Page route={route} link={link} />
      </Suspense>
    </Guard>
  );
}

/** A new link pasted into the address of an open page is taken like any other. */
function useLink(first: Link | null): Link | null {
  const [link, setLink] = useState(first);
  useEffect(() => {
    const look = () => {
      if (location.hash.includes("token=")) setLink(take());
    };
    addEventListener("hashchange", look);
    return () => removeEventListener("hashchange", look);
  }, []);
  return link;
}

function Page({ route, link }: { route: Route; link: Link | null }) {
  if (route.page === "home" || route.page === "nowhere") {
    const code = new URLSearchParams(location.search).get("transfer");
    return code === null ? <HomePage link={link} /> : <MovePage code={code} />;
  }
  if (route.page === "check") return <CheckPage />;
  if (!link) {
    return (
      <Frame>
        <Message title={home.needLink} body={home.needLinkBody} />
      </Frame>
    );
  }
  if (link.until !== null && link.until < Date.now() - 60_000) {
    return (
      <Frame>
        <Message title={home.oldLink} body={home.oldLinkBody} />
      </Frame>
    );
  }
  switch (route.page) {
    case "interview":
      return <InterviewPage key={link.key} link={link} id={route.id} />;
    case "watch":
      return <WatchPage key={link.key} link={link} ids={route.ids} />;
    case "report":
      return <ReportPage key={`${link.key} ${route.id}`} link={link} id={route.id} />;
    case "admin":
      return <AdminPage key={link.key} link={link} part={route.part} />;
  }
}

/** A mistake of ours in one page leaves a sentence and a way on, not a blank page. */
class Guard extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError() {
    return { broken: true };
  }

  override render() {
    if (!this.state.broken) return this.props.children;
    return (
      <Frame>
        <Message title={app.wrong} body={app.wrongBody}>
          <Button kind="first" onClick={() => location.reload()}>
            {app.reload}
          </Button>
        </Message>
      </Frame>
    );
  }
}

const root = document.getElementById("app");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App first={take()} />
    </StrictMode>,
  );
}
