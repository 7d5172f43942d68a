// What every JavaScript client of these tests needs beside its members: orders come as lines of
// JSON, what happened goes back as lines of JSON. `crates/server/tests/clients` is the other side.
import { createInterface } from "node:readline";

// Whoever listened is gone: so is the reason to be here.
process.stdout.on("error", () => process.exit(0));

/** Reports what happened to a member. */
export function telling(client) {
  return (saw, data = {}) => console.log(JSON.stringify({ client, saw, data }));
}

/** Serves orders until there are no more. `make(order, tell, name)` makes a member. */
export async function serve(make) {
  const members = new Map();
  telling("-")("ready");
  for await (const line of createInterface({ input: process.stdin })) {
    const { client, do: what, ...order } = JSON.parse(line);
    const tell = telling(client);
    try {
      if (what === "open") members.set(client, await make(order, tell, client));
      else await members.get(client)[what](order);
    } catch (error) {
      tell("broken", { what, error: String(error.stack ?? error) });
    }
  }
  process.exit(0);
}

/** The table of close codes, as the server itself publishes it. */
export async function contract(address) {
  const answer = await fetch(`${address}/api/asyncapi.json`);
  const { "x-close-codes": codes } = await answer.json();
  if (!codes) throw new Error("the server publishes no close codes");
  return codes;
}
