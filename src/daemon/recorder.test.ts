import { appendFile, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { MAX_EVENTS } from "../core/base/limits.ts";
import { withDirectory } from "./fixtures/pretended.ts";
import { openRecorder } from "./recorder.ts";
import type { Recorder, RecorderOptions } from "./recorder.ts";

function open(stateDir: string, more: Partial<RecorderOptions> = {}): Promise<Recorder> {
  const failed = (error: Error): void => {
    throw error;
  };
  return openRecorder({ node: "srv1", incarnation: "first", stateDir, failed, ...more });
}

const event = {
  severity: "info",
  reason: "NODE_STARTED",
  group: undefined,
  node: "srv1",
  link: undefined,
  facts: {},
} as const;

test("records outlast a restart, their counter goes on and their ids stay unique", async () => {
  await withDirectory(async (directory) => {
    const before = await open(directory);
    before.record(event, 1);
    before.record({ ...event, group: "www", reason: "GROUP_STAYS", facts: { because: "it is well" } }, 2);
    await before.flush();
    const after = await open(directory, { incarnation: "second" });
    after.record(event, 3);
    expect(after.list(0).map(({ id, text }) => [id, text])).toEqual([
      ["srv1:first:1", "srv1 started and observes first"],
      ["srv1:first:2", "www stays on srv1: it is well"],
      ["srv1:second:3", "srv1 started and observes first"],
    ]);
    expect(after.list(2)).toHaveLength(1);
    expect(after.own(1).map(({ id }) => id)).toEqual(["srv1:first:2", "srv1:second:3"]);
    await after.flush();
  });
});

test("a torn or foreign line loses itself and nothing else", async () => {
  await withDirectory(async (directory) => {
    const path = join(directory, "events.jsonl");
    const before = await open(directory);
    before.record(event, 1);
    await before.flush();
    await appendFile(path, `{"id":"x"}\nnonsense\n{"id":"srv1:first:2","by":"sr`);
    const after = await open(directory);
    after.record(event, 2);
    await after.flush();
    expect((await open(directory)).list(0).map(({ time }) => time)).toEqual([1, 2]);
  });
});

test("another node's record is taken once, and nobody else's words for our own", async () => {
  await withDirectory(async (directory) => {
    const recorder = await open(directory);
    const heard: string[] = [];
    const end = recorder.follow(({ id }) => heard.push(id));
    const foreign = { ...recorder.record(event, 1), id: "srv2:x:7", by: "srv2" };
    recorder.adopt(foreign);
    recorder.adopt(foreign);
    recorder.adopt({ ...foreign, id: "srv1:forged:1", by: "srv1" });
    end();
    recorder.record(event, 2);
    expect(heard).toEqual(["srv1:first:1", "srv2:x:7"]);
    expect(recorder.lastCounterOf("srv2")).toBe(7);
    expect(recorder.lastCounterOf("srv3")).toBe(0);
    await recorder.flush();
  });
});

test("a peer that knows more than we ever recorded gets everything, because our record was lost", async () => {
  await withDirectory(async (directory) => {
    const recorder = await open(directory);
    recorder.record(event, 1);
    expect(recorder.own(5_000)).toHaveLength(1);
    expect(recorder.own(1)).toHaveLength(0);
    await recorder.flush();
  });
});

test("memory and disk are bounded and the newest records stay", async () => {
  await withDirectory(async (directory) => {
    const recorder = await open(directory, { fileLimitBytes: 20_000 });
    const count = MAX_EVENTS + 500;
    for (let time = 1; time <= count; time += 1) {
      recorder.record(event, time);
      if (time % 50 === 0) await recorder.flush();
    }
    await recorder.flush();
    expect(recorder.list(0)).toHaveLength(MAX_EVENTS);
    const path = join(directory, "events.jsonl");
    for (const file of [path, `${path}.1`]) expect((await stat(file)).size).toBeLessThan(60_000);
    expect(await readFile(path, "utf8")).toContain(`"time":${count},`);
  });
});

test("a full disk costs the disk's copy only", async () => {
  await withDirectory(async (directory) => {
    const failures: Error[] = [];
    const recorder = await open(directory, { failed: (error) => failures.push(error) });
    await rm(directory, { recursive: true });
    recorder.record(event, 1);
    await recorder.flush();
    expect(failures).toHaveLength(1);
    expect(recorder.list(0)).toHaveLength(1);
  });
});
