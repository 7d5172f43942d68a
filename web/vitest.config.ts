import { defineConfig } from "vitest/config";

const resolve = { conditions: ["greenroom:source", "module", "browser", "import", "default"] };
const ssr = { resolve: { conditions: ["greenroom:source", "node", "import", "default"] } };

export default defineConfig({
  test: {
    projects: [
      {
        resolve,
        ssr,
        test: {
          name: "unit",
          include: ["packages/*/tests/**/*.test.{ts,tsx}", "app/tests/**/*.test.{ts,tsx}"],
          exclude: ["**/*.server.test.*"],
          environment: "node",
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: "server",
          include: ["packages/*/tests/**/*.server.test.{ts,tsx}"],
          environment: "node",
          testTimeout: 30_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: "examples",
          include: ["examples/tests/**/*.test.{ts,tsx}"],
          environment: "node",
          testTimeout: 30_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
