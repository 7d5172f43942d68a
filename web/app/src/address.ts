// Which page a link's owner belongs on.
import type { Link } from "./link.ts";

export function addressFor(link: Link): string {
  const only = link.only ? `/${encodeURIComponent(link.only)}` : "";
  switch (link.role) {
    case "admin":
      return "/admin";
    case "interviewer":
    case "observer":
      return `/watch${only}`;
    default:
      return `/interview${only}`;
  }
}
