// Moves the running interview to another device of the same person: a code that is good once and
// for a few minutes, and a link with it in.
import type { InterviewSession } from "@greenroom/client";
import { useState } from "react";
import { spelled } from "../link.ts";
import { live, roughly } from "../texts.ts";
import { Button, CopyButton, Dialog, useNow } from "../ui/parts.tsx";
import { say } from "../ui/say.ts";

interface Offer {
  code: string;
  link: string;
  until: number;
}

export function Move({
  session,
  serverNow,
}: {
  session: InterviewSession;
  serverNow: () => number;
}) {
  const [offer, setOffer] = useState<Offer | null>(null);
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState(false);
  const ask = async () => {
    setBusy(true);
    setFailed(false);
    try {
      const { code = "", link = "", expiresAt = 0 } = await session.transfer();
      setOffer({ code, link: location.origin + link, until: expiresAt });
    } catch {
      setFailed(true);
      say(live.moveFailed);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Button kind="small quiet" onClick={ask} disabled={busy}>
        {live.move}
      </Button>
      {failed ? <p className="soft">{live.moveFailed}</p> : null}
      {offer ? (
        <Dialog title={live.moveTitle} onClose={() => setOffer(null)}>
          <Offered offer={offer} serverNow={serverNow} />
          <div className="actions">
            <Button kind="first" onClick={() => setOffer(null)} autoFocus>
              {live.moveClose}
            </Button>
          </div>
        </Dialog>
      ) : null}
    </>
  );
}

function Offered({ offer, serverNow }: { offer: Offer; serverNow: () => number }) {
  useNow(5_000);
  const rest = offer.until - serverNow();
  if (rest <= 0) return <p>{live.moveOver}</p>;
  return (
    <>
      <p>{live.moveBody(roughly(rest))}</p>
      <label className="field">
        <span>{live.moveLink}</span>
        <input type="text" readOnly value={offer.link} onFocus={(event) => event.target.select()} />
      </label>
      <CopyButton text={offer.link} label={live.moveCopy} />
      <p>{live.moveCode(location.host)}</p>
      <p className="code" data-code>
        {spelled(offer.code)}
      </p>
    </>
  );
}
