import { Interview } from "./interview.tsx";

/** Rendered on the server: nothing is connected there. */
export default function Page() {
  return <Interview />;
}
