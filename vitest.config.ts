/**
 * Two kinds of tests. `unit` tests touch no clock, network or disk and run side by side. `lab` tests run the
 * real program in network namespaces on the real kernel; they run one file at a time, after the others, so
 * that their timing means something. Where the machine cannot make namespaces, lab tests are skipped by name
 * and the reason is told at the end.
 */

import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { labLacks } from "./test/lab-lacks.ts";

const SOURCES = ["src/**/*", "test/**/*", "benchmarks/**/*"];
/** Programs that tests start hundreds of times are compiled once: Node keeps that by the sources' own hash. */
const COMPILED = { NODE_COMPILE_CACHE: fileURLToPath(new URL("node_modules/.cache/compiled", import.meta.url)) };

export default defineConfig({
  test: {
    reporters: ["default", "./test/counting-reporter.ts"],
    watch: false,
    teardownTimeout: 30_000,
    passWithNoTests: true,
    projects: [
      {
        test: {
          name: "unit",
          env: COMPILED,
          include: SOURCES.map((path) => `${path}.test.ts`),
          exclude: ["**/node_modules/**", "**/*.lab.test.ts"],
          pool: "forks",
          testTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "lab",
          env: COMPILED,
          include: SOURCES.map((path) => `${path}.lab.test.ts`),
          exclude: ["**/node_modules/**"],
          pool: "forks",
          maxWorkers: 1,
          fileParallelism: false,
          // A machine that stands still for seconds fails real-time tests for no fault of theirs: each is tried once
          // more, and the report shows both. What must never happen, two holders, is also shown by the simulator.
          retry: 1,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // A pattern that no title matches skips every test by its name, before any hook runs.
          ...(labLacks() === undefined ? {} : { testNamePattern: /(?!)/ }),
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
