// The microphone before it counts: why the browser will ask, which one, how loud, how it sounds.
// Nothing of it leaves the page.
import { useEffect, useRef, useState } from "react";
import { app, check, trouble } from "../texts.ts";
import { Level } from "../ui/Level.tsx";
import { Button, Frame, Heading } from "../ui/parts.tsx";
import { say } from "../ui/say.ts";
import { aboutTrouble, type Mic, useHeard, useMicrophone } from "./microphone.ts";

interface CheckProps {
  mic: Mic;
  /** Where it leads; null: nowhere, somebody only looks. */
  onReady: (() => void) | null;
  onWithout: (() => void) | null;
}

export function Check({ mic, onReady, onWithout }: CheckProps) {
  const heard = useHeard(mic.level);
  useEffect(() => {
    if (heard) say(check.heard);
  }, [heard]);
  return (
    <>
      <Heading>{check.title}</Heading>
      {mic.microphone ? (
        <div className="card">
          <Devices mic={mic} />
          <p className="label">{check.level}</p>
          <div className="level-row">
            <Level source={mic.level} label={check.level} />
          </div>
          {heard ? (
            <p className="notice good">
              <strong>{check.heard}</strong>
            </p>
          ) : (
            <p className="panel">{mic.trouble === "silent" ? check.quiet : check.sayHello}</p>
          )}
          <Playback deviceId={mic.deviceId} />
        </div>
      ) : (
        <p className="lead">{check.explain}</p>
      )}
      {mic.trouble && mic.trouble !== "silent" ? <TroubleNote mic={mic} /> : null}
      <div className="actions">
        {mic.microphone ? (
          onReady ? (
            <Button kind="first" onClick={onReady}>
              {check.begin}
            </Button>
          ) : null
        ) : (
          <Button kind="first" onClick={() => mic.turnOn()} disabled={mic.status === "asking"}>
            {mic.status === "asking" ? check.turningOn : mic.trouble ? trouble.retry : check.turnOn}
          </Button>
        )}
        {onWithout ? (
          <Button kind="quiet" onClick={onWithout}>
            {check.without}
          </Button>
        ) : null}
      </div>
      {onWithout ? <p className="soft">{check.withoutHint}</p> : null}
    </>
  );
}

/** The check alone, for whoever wants to try before the day. */
export function CheckPage() {
  const mic = useMicrophone();
  return (
    <Frame>
      <Check mic={mic} onReady={null} onWithout={null} />
      <p>
        <a href="/">{app.back}</a>
      </p>
    </Frame>
  );
}

function TroubleNote({ mic }: { mic: Mic }) {
  if (!mic.trouble) return null;
  const { title, body } = aboutTrouble(mic.trouble);
  return (
    <div className="notice" role="alert">
      <strong>{title}</strong>
      <p>{body}</p>
    </div>
  );
}

/** Which microphone; nothing to choose where there is only one. */
export function Devices({ mic }: { mic: Mic }) {
  if (mic.devices.length === 0) return null;
  return (
    <label className="field">
      <span>{check.which}</span>
      <select value={mic.deviceId} onChange={(event) => void mic.choose(event.target.value)}>
        {mic.devices.some((d) => d.id === mic.deviceId) ? null : <option value={mic.deviceId} />}
        {mic.devices.map((device, n) => (
          <option key={device.id} value={device.id}>
            {/^\d+$/.test(device.name) ? check.unnamed(n + 1) : device.name}
          </option>
        ))}
      </select>
    </label>
  );
}

const SECONDS = 3;

/** Three seconds, recorded and played in this page only. */
function Playback({ deviceId }: { deviceId: string }) {
  const [state, setState] = useState<"idle" | "recording" | "ready" | "playing">("idle");
  const sound = useRef<HTMLAudioElement>(null);
  const address = useRef("");
  useEffect(() => () => URL.revokeObjectURL(address.current), []);
  const record = async () => {
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: deviceId ? { deviceId } : true });
    } catch {
      return;
    }
    setState("recording");
    say(check.recording);
    const parts: Blob[] = [];
    const recorder = new MediaRecorder(stream);
    recorder.ondataavailable = (event) => parts.push(event.data);
    recorder.onstop = () => {
      for (const track of stream.getTracks()) track.stop();
      URL.revokeObjectURL(address.current);
      address.current = URL.createObjectURL(new Blob(parts, { type: recorder.mimeType }));
      if (sound.current) sound.current.src = address.current;
      setState("ready");
    };
    recorder.start();
    setTimeout(() => recorder.state === "recording" && recorder.stop(), SECONDS * 1000);
  };
  return (
    <div className="inline">
      {/* biome-ignore lint/a11y/useMediaCaption: the person's own voice, of a moment ago */}
      <audio ref={sound} onEnded={() => setState("ready")} />
      <Button kind="small" onClick={record} disabled={state === "recording"}>
        {state === "recording" ? check.recording : check.record}
      </Button>
      {state === "ready" || state === "playing" ? (
        <Button
          kind="small"
          disabled={state === "playing"}
          onClick={() => {
            setState("playing");
            sound.current?.play().catch(() => setState("ready"));
          }}
        >
          {state === "playing" ? check.listening : check.listen}
        </Button>
      ) : null}
      {state === "ready" ? <span className="soft">{check.playbackHint}</span> : null}
    </div>
  );
}
