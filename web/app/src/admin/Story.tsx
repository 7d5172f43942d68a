// The whole life of one interview, in order.
import type { GreenroomClient } from "@greenroom/client";
import { useEffect, useState } from "react";
import { admin, app } from "../texts.ts";
import { Button, Dialog, Support, Waiting } from "../ui/parts.tsx";
import { type Chapter, storyOf } from "./story.ts";

const texts = admin.story;
const time = new Intl.DateTimeFormat("en", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hour12: false,
});

interface StoryProps {
  client: GreenroomClient;
  id: string;
  name: string;
  onClose: () => void;
}

export function Story({ client, id, name, onClose }: StoryProps) {
  const [chapters, setChapters] = useState<readonly Chapter[] | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    storyOf(client, id).then(setChapters, () => setFailed(true));
  }, [client, id]);
  return (
    <Dialog title={texts.title(name)} onClose={onClose} big>
      {failed ? <p>{admin.failed}</p> : null}
      {chapters === null && !failed ? <Waiting>{texts.loading}</Waiting> : null}
      {chapters?.length === 0 ? <p>{texts.none}</p> : null}
      <ol className="story">
        {(chapters ?? []).map((chapter) => (
          <li key={chapter.key}>
            <time dateTime={new Date(chapter.at).toISOString()}>{time.format(chapter.at)}</time>
            <span dir="auto">{chapter.text}</span>
          </li>
        ))}
      </ol>
      <Support reference={id} />
      <div className="actions">
        <Button onClick={onClose} autoFocus>
          {app.close}
        </Button>
      </div>
    </Dialog>
  );
}
