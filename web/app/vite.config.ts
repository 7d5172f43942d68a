// Builds the app and packs it for the program: every file as it is, gzipped and brotlied, into the
// folder that `crates/api/build.rs` compiles in.
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const root = import.meta.dirname;
const embedded = join(root, "../../crates/api/app");

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? files(path) : [path];
  });
}

function pack(): Plugin {
  let out = "";
  return {
    name: "pack",
    apply: "build",
    configResolved(config) {
      out = config.build.outDir;
    },
    closeBundle() {
      const built = join(root, relative(root, join(root, out)));
      for (const entry of readdirSync(embedded)) {
        if (entry !== ".gitignore") rmSync(join(embedded, entry), { recursive: true });
      }
      for (const path of files(built)) {
        const target = join(embedded, relative(built, path));
        mkdirSync(dirname(target), { recursive: true });
        const bytes = readFileSync(path);
        writeFileSync(target, bytes);
        const smaller = (packed: Buffer, end: string) => {
          if (packed.length < bytes.length * 0.9) writeFileSync(target + end, packed);
        };
        smaller(gzipSync(bytes, { level: 9 }), ".gz");
        smaller(
          brotliCompressSync(bytes, {
            params: {
              [constants.BROTLI_PARAM_QUALITY]: 11,
              [constants.BROTLI_PARAM_SIZE_HINT]: statSync(path).size,
            },
          }),
          ".br",
        );
      }
    },
  };
}

export default defineConfig({
  root,
  plugins: [react(), pack()],
  resolve: { conditions: ["greenroom:source", "module", "browser", "import"] },
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // Packing takes its seconds, and that is known.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
});
