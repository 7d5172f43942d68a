// Where a code from another device leads: the interview goes on here, by one press.
import { type FormEvent, useState } from "react";
import { codeIn, moveHere, spelled } from "./link.ts";
import { go } from "./route.ts";
import { codeOf, isPassing, redeem } from "./session.ts";
import { app, moved } from "./texts.ts";
import { Button, Frame, Heading } from "./ui/parts.tsx";

export function MovePage({ code: given }: { code: string }) {
  const [code, setCode] = useState(spelled(codeIn(given) ?? given));
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<string | null>(null);
  const move = async (event: FormEvent) => {
    event.preventDefault();
    const plain = codeIn(code);
    if (!plain) return setFailed(moved.badCode);
    setBusy(true);
    setFailed(null);
    try {
      moveHere(await redeem(plain));
    } catch (error) {
      setBusy(false);
      setFailed(
        codeOf(error) === "transfer_invalid"
          ? moved.oldCode
          : isPassing(error)
            ? moved.unreachable
            : app.wrong,
      );
    }
  };
  return (
    <Frame>
      <Heading>{moved.bring}</Heading>
      <p className="lead">{moved.bringBody}</p>
      <form onSubmit={move}>
        <label className="field narrow">
          <span>{moved.code}</span>
          <input
            type="text"
            value={code}
            autoComplete="off"
            spellCheck={false}
            maxLength={64}
            aria-invalid={failed ? true : undefined}
            onChange={(event) => {
              setCode(event.target.value);
              setFailed(null);
            }}
          />
        </label>
        {failed ? (
          <p className="notice bad" role="alert">
            {failed}
          </p>
        ) : null}
        <div className="actions">
          <Button kind="first" type="submit" disabled={busy}>
            {busy ? app.loading : moved.bringHere}
          </Button>
          <Button onClick={() => go("/")}>{app.back}</Button>
        </div>
      </form>
    </Frame>
  );
}
