// Small parts that every page uses. No texts of their own, no data.
import {
  type ButtonHTMLAttributes,
  type ReactNode,
  useEffect,
  useId,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import { createPortal } from "react-dom";
import { app } from "../texts.ts";
import { say } from "./say.ts";

/** Runs a function every so many milliseconds while the part is shown. */
export function useEvery(ms: number, what: () => void) {
  const latest = useRef(what);
  useEffect(() => {
    latest.current = what;
  });
  useEffect(() => {
    const timer = setInterval(() => latest.current(), ms);
    return () => clearInterval(timer);
  }, [ms]);
}

/** The time, renewed every so many milliseconds. */
export function useNow(ms: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEvery(ms, () => setNow(Date.now()));
  return now;
}

const narrow = "(max-width: 37.5rem)";

function onNarrow(listener: () => void) {
  const query = matchMedia(narrow);
  query.addEventListener("change", listener);
  return () => query.removeEventListener("change", listener);
}

/** Whether the window is as narrow as a phone. */
export const useNarrow = () => useSyncExternalStore(onNarrow, () => matchMedia(narrow).matches);

/** A heading that takes the focus when its page opens, so that it is read. */
export function Heading({ children, level = 1 }: { children: ReactNode; level?: 1 | 2 }) {
  const here = useRef<HTMLHeadingElement>(null);
  useEffect(() => here.current?.focus({ preventScroll: true }), []);
  const Tag = `h${level}` as const;
  return (
    <Tag ref={here} tabIndex={-1}>
      {children}
    </Tag>
  );
}

type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & { kind?: string };

export function Button({ kind = "", ...rest }: ButtonProps) {
  return <button type="button" className={kind} {...rest} />;
}

export function Brand() {
  return (
    <span className="brand">
      <svg viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="8" fill="#0b6b4f" />
        <rect x="12" y="5.5" width="8" height="13" rx="4" fill="#fff" />
        <path
          d="M8 15a8 8 0 0 0 16 0M16 23v4"
          fill="none"
          stroke="#fff"
          strokeWidth="2.6"
          strokeLinecap="round"
        />
      </svg>
      {app.name}
    </span>
  );
}

interface FrameProps {
  topic?: ReactNode;
  end?: ReactNode;
  banner?: ReactNode;
  foot?: ReactNode;
  broad?: boolean;
  help?: boolean;
  children: ReactNode;
}

/** What every page has around it. */
export function Frame({ topic, end, banner, foot, broad, help = true, children }: FrameProps) {
  return (
    <>
      <a className="skip" href="#main">
        {app.skip}
      </a>
      <header className="bar-top">
        <Brand />
        {topic ? <span className="topic">{topic}</span> : null}
        {end ? <div className="end">{end}</div> : null}
      </header>
      {banner}
      <main id="main" className={broad ? "broad" : undefined} tabIndex={-1}>
        {children}
      </main>
      {foot}
      {help ? (
        <footer className="page-foot">
          <p>{app.help}</p>
        </footer>
      ) : null}
    </>
  );
}

interface DialogProps {
  title: string;
  children: ReactNode;
  onClose: () => void;
  alert?: boolean;
  big?: boolean;
}

/** A box in front of the page, and outside of it, so that it looks the same wherever it was asked
 * for. The browser keeps the focus in it; Escape closes it. */
export function Dialog({ title, children, onClose, alert, big }: DialogProps) {
  const here = useRef<HTMLDialogElement>(null);
  const name = useId();
  useEffect(() => {
    const dialog = here.current;
    const before = document.activeElement;
    if (dialog && !dialog.open) dialog.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return createPortal(
    <dialog
      ref={here}
      className={big ? "big" : undefined}
      role={alert ? "alertdialog" : undefined}
      aria-labelledby={name}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <h2 id={name} tabIndex={-1}>
        {title}
      </h2>
      {children}
    </dialog>,
    document.body,
  );
}

interface ConfirmProps {
  title: string;
  body: string;
  yes: string;
  no: string;
  onYes: () => unknown;
  onNo: () => void;
}

/** Asks before something that cannot be taken back. */
export function Confirm({ title, body, yes, no, onYes, onNo }: ConfirmProps) {
  const [busy, setBusy] = useState(false);
  const act = async () => {
    setBusy(true);
    try {
      await onYes();
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onNo} alert>
      <p>{body}</p>
      <div className="actions">
        {/* The way back comes first, so that Enter in haste does no harm. */}
        <Button onClick={onNo} autoFocus>
          {no}
        </Button>
        <Button kind="risky" onClick={act} disabled={busy}>
          {yes}
        </Button>
      </div>
    </Dialog>
  );
}

/** A page with one message and, maybe, a way on. */
export function Message({
  title,
  body,
  children,
}: {
  title: string;
  body?: ReactNode;
  children?: ReactNode;
}) {
  return (
    <>
      <Heading>{title}</Heading>
      {body ? <p className="lead">{body}</p> : null}
      {children ? <div className="actions">{children}</div> : null}
    </>
  );
}

/** Something takes a moment; said once, too. */
export function Waiting({ children }: { children: string }) {
  useEffect(() => say(children), [children]);
  return (
    <p className="lead">
      <span className="spin" aria-hidden="true" />
      {children}
    </p>
  );
}

/** Puts a text on the clipboard and says so. */
export function CopyButton({ text, label }: { text: string; label?: string }) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), 3000);
    return () => clearTimeout(timer);
  }, [done]);
  return (
    <Button
      kind="small"
      aria-label={label}
      onClick={() => {
        navigator.clipboard?.writeText(text).then(
          () => setDone(true),
          () => setDone(false),
        );
      }}
    >
      <span aria-live="polite">{done ? app.copied : app.copy}</span>
    </Button>
  );
}

/** A reference for whoever helps, out of the way of everybody else. */
export function Support({ reference }: { reference: string }) {
  return (
    <details className="support">
      <summary>{app.details}</summary>
      <p>
        <code>{app.reference(reference)}</code> <CopyButton text={reference} />
      </p>
    </details>
  );
}
