import { createClient } from "@greenroom/client";
import { WebSocketProvider } from "@greenroom/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Interview } from "./interview.tsx";

const given = new URLSearchParams(location.hash.slice(1));
const client = createClient({
  url: import.meta.env.VITE_API_URL ?? "http://localhost:8080",
  token: given.get("token") ?? "",
});
const place = document.querySelector("#root");
if (place) {
  createRoot(place).render(
    <StrictMode>
      <WebSocketProvider client={client}>
        <Interview id={given.get("session") ?? "demo"} />
      </WebSocketProvider>
    </StrictMode>,
  );
}
