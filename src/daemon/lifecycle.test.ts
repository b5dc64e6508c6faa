import { readdir } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { instant } from "../core/base/time.ts";
import { withDirectory } from "./fixtures/pretended.ts";
import { bootTimeMs } from "./handover.ts";
import { becomeNextSelf } from "./lifecycle.ts";
import { createLog } from "./log.ts";

test("a daemon that cannot write its will is told why, and leaves none", async () => {
  await withDirectory(async (directory) => {
    const handover = {
      groups: [{ name: "www", epoch: 7, until: instant(bootTimeMs() + 10_000) }],
      wishes: [],
      macs: {},
    };
    const flushed: string[] = [];
    const why = await becomeNextSelf({
      runtimeDir: join(directory, "missing"),
      handover,
      flushables: [{ flush: async () => void flushed.push("store") }],
      log: createLog({}),
    });
    expect(why).toMatch(/ENOENT/);
    expect(flushed).toEqual([]);
    expect(await readdir(directory)).toEqual([]);
  });
});
