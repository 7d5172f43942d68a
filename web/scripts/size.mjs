/** Builds each entry alone, minified, and fails when one is larger than it may be (gzip). */
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";

const KB = 1000;
const peers = [/^react/, /^socket\.io-client/, /^@greenroom\/client/];

/** Name, entry, budget in bytes, what is not counted, what is counted beside it. */
const budgets = [
  ["client", "packages/client/src/index.ts", 12 * KB, [], []],
  [
    "client/audio",
    "packages/client/src/audio/index.ts",
    5 * KB,
    [],
    ["packages/client/src/audio/worklet.js"],
  ],
  ["react", "packages/react/src/index.ts", 4 * KB, peers, []],
  ["socketio", "packages/socketio/src/index.ts", 2 * KB, peers, []],
];

let failed = false;
for (const [name, input, budget, external, beside] of budgets) {
  let size = 0;
  for (const entry of [input, ...beside]) size += await gzipped(entry, external);
  const over = size > budget;
  failed ||= over;
  process.stdout.write(
    `${over ? "OVER" : "ok  "} ${name.padEnd(14)} ${kb(size)} of ${kb(budget)}\n`,
  );
}
process.exitCode = failed ? 1 : 0;

/** What a page loads at once: the entry and its static imports, not what it loads when needed. */
async function gzipped(input, external) {
  const bundle = await rolldown({
    input,
    external,
    logLevel: "silent",
    resolve: { conditionNames: ["greenroom:source", "import", "default"] },
    transform: { jsx: "react-jsx" },
  });
  const { output } = await bundle.generate({ format: "es", minify: true });
  await bundle.close();
  const needed = new Set();
  const visit = (file) => {
    if (!file || needed.has(file)) return;
    needed.add(file);
    for (const name of file.imports ?? []) visit(output.find((other) => other.fileName === name));
  };
  visit(output.find((file) => file.type === "chunk" && file.isEntry));
  const code = [...needed].map((file) => file.code).join("\n");
  return gzipSync(code, { level: 9 }).length;
}

function kb(bytes) {
  return `${(bytes / KB).toFixed(2)} kB`;
}
