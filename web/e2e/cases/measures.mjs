// Figures with limits: how much is loaded, how soon it can be used, and that nothing is left over.
import assert from "node:assert/strict";
import { candidate, noFaults, open, state, watcher } from "../lib/browser.mjs";
import { quantile, until } from "../lib/wait.mjs";

const CYCLES = 200;

export const measures = [
  {
    alone: true,
    name: "the first load is small and soon of use; the first pages are judged",
    sound: "silence",
    async run({ server, context, figure }) {
      const page = await context.newPage();
      let script = 0;
      page.on("response", async (response) => {
        if (!response.url().endsWith(".js")) return;
        const sizes = await response
          .request()
          .sizes()
          .catch(() => null);
        script += sizes?.responseBodySize ?? 0;
      });
      // As the gzip of it is what the limit is about.
      await page.setExtraHTTPHeaders({ "accept-encoding": "gzip" });
      await page.goto(candidate(server, "size"));
      await page.getByRole("heading", { name: "Before you begin" }).waitFor();
      await until("sizes", 2_000, () => script > 0);
      // Handed in from a folder they are not packed.
      if (!process.env.APP_DIST) figure("script at first load, gzip", script / 1024, 120, "kB");
      await page.setExtraHTTPHeaders({});

      const blank = [];
      const ready = [];
      for (let n = 0; n < 9; n++) {
        blank.push(await timed(context, `${server.url}/healthz`, "body"));
        ready.push(await timed(context, `${server.url}/`, "button"));
      }
      const ratio = quantile(ready, 0.5) / quantile(blank, 0.5);
      figure(`of use, in blank pages (${quantile(blank, 0.5)} ms)`, ratio, 3, "×");

      const home = await open(context, `${server.url}/`);
      await home.getByRole("heading", { name: "Welcome" }).waitFor();
      await home.getByLabel("Or paste your link").fill("nothing");
      await home.getByRole("button", { name: "Open" }).click();
      await home.getByText("This does not look like").waitFor();
      await state(home, "home");
      await home.getByRole("link", { name: "Check your microphone" }).click();
      await home.getByRole("button", { name: "Turn on the microphone" }).click();
      await home.getByText("Say a few words").waitFor();
      await state(home, "check-alone");
      const nowhere = await open(context, `${server.url}/admin`);
      await state(nowhere, "no-link");
      noFaults(home);
      noFaults(nowhere);
    },
  },
  {
    long: true,
    name: `${CYCLES} times shown, hidden, loaded again and left: one connection, and none is left`,
    sound: "silence",
    async run({ server, proxy, context, figure }) {
      // One that waits to begin, so that no clock ends it meanwhile.
      const participants = [{ userId: "olga", role: "observer" }];
      const body = { id: "cycles", candidate: "ana", participants };
      await server.ask("/api/sessions", { method: "POST", body });
      const page = await open(context, watcher(proxy, "cycles"));
      const live = () => page.locator('[data-phase="lobby"]').waitFor({ timeout: 30_000 });
      await live();
      const listeners = async () => {
        const session = await context.newCDPSession(page);
        const { result } = await session.send("Runtime.evaluate", { expression: "window" });
        const { listeners } = await session.send("DOMDebugger.getEventListeners", {
          objectId: result.objectId,
        });
        await session.detach();
        return listeners.length;
      };
      const before = await listeners();
      for (let n = 0; n < CYCLES; n++) {
        switch (n % 4) {
          case 0: // Unmounted and mounted again.
            await page.evaluate(() => {
              history.pushState(null, "", "/");
              dispatchEvent(new PopStateEvent("popstate"));
              history.pushState(null, "", "/watch/cycles");
              dispatchEvent(new PopStateEvent("popstate"));
            });
            break;
          case 1:
            await page.reload();
            break;
          case 2: // Hidden and shown.
            await page.evaluate(() => {
              for (const state of ["hidden", "visible"]) {
                Object.defineProperty(document, "visibilityState", {
                  value: state,
                  configurable: true,
                });
                document.dispatchEvent(new Event("visibilitychange"));
              }
            });
            break;
          default: // Left for another page and back, maybe out of the browser's memory.
            await page.goto(`${proxy.url}/healthz`);
            await page.goBack();
        }
        await live();
        assert(proxy.open <= 1, `cycle ${n}: ${proxy.open} connections`);
      }
      figure(`connections at once in ${CYCLES} cycles`, proxy.most, 1, "");
      assert.equal(await listeners(), before, "no listener is left in the page");
      await page.goto("about:blank");
      await until("none is left on the line", 10_000, () => proxy.open === 0);
      await until("none is left on the server", 10_000, async () => (await server.seats()) === 0);
    },
  },
];

/** From asking for a page to something in it that can be used, milliseconds. */
async function timed(context, address, what) {
  const page = await context.newPage();
  const at = performance.now();
  await page.goto(address, { waitUntil: "commit" });
  await page.locator(what).first().waitFor();
  const took = performance.now() - at;
  await page.close();
  return Math.round(took * 10) / 10;
}
