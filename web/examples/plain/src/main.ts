import { interview } from "./interview.ts";

// #token=…&session=…: what stands behind the # never reaches a server or its logs.
const given = new URLSearchParams(location.hash.slice(1));
const place = document.querySelector<HTMLElement>("#interview");
const token = given.get("token") ?? "";
const url = import.meta.env.VITE_API_URL ?? "http://localhost:8080";
if (place) interview(place, { url, token }, given.get("session") ?? "demo");
