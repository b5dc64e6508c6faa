import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { instant } from "../core/base/time.ts";
import type { Handover } from "../core/node/inputs.ts";
import { withDirectory } from "./fixtures/pretended.ts";
import { bootTimeMs, takeHandover, writeHandover } from "./handover.ts";

function handover(untilMs: number): Handover {
  return {
    groups: [{ name: "www", epoch: 7, until: instant(untilMs) }],
    wishes: [],
    macs: { srv2: ["02:00:00:00:00:02"] },
  };
}

async function change(directory: string, edit: (will: Record<string, unknown>) => unknown): Promise<void> {
  const path = join(directory, "handover.json");
  await writeFile(path, JSON.stringify(edit(JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>)));
}

test("a will counts once", async () => {
  await withDirectory(async (directory) => {
    const will = handover(bootTimeMs() + 10_000);
    await writeHandover(directory, will);
    expect(await takeHandover(directory)).toEqual(will);
    expect(await takeHandover(directory)).toBeUndefined();
    expect(await readdir(directory)).toEqual([]);
  });
});

test("a will whose leases are over does not count", async () => {
  await withDirectory(async (directory) => {
    await writeHandover(directory, handover(bootTimeMs() - 1));
    expect(await takeHandover(directory)).toBeUndefined();
  });
});

test("a daemon that held nothing still hands over what it learned", async () => {
  await withDirectory(async (directory) => {
    await writeHandover(directory, { ...handover(0), groups: [] });
    expect((await takeHandover(directory))?.macs).toEqual({ srv2: ["02:00:00:00:00:02"] });
  });
});

test("a will of another boot, an old one and a damaged one do not count", async () => {
  const edits: ((will: Record<string, unknown>) => unknown)[] = [
    (will) => ({ ...will, bootId: "another" }),
    (will) => ({ ...will, writtenAtMs: Number(will["writtenAtMs"]) - 31_000 }),
    (will) => ({ ...will, writtenAtMs: Number(will["writtenAtMs"]) + 5_000 }),
    (will) => ({ ...will, handover: {} }),
    () => null,
  ];
  for (const edit of edits) {
    await withDirectory(async (directory) => {
      await writeHandover(directory, handover(bootTimeMs() + 60_000));
      await change(directory, edit);
      expect(await takeHandover(directory)).toBeUndefined();
    });
  }
});
