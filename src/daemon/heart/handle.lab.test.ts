/** The heart as a real thread, with a pretended machine and core behind it. */

import { afterEach, expect, test, vi } from "vitest";
import { type Heart, startHeart } from "./handle.ts";
import type { HeartOptions } from "./messages.ts";
import { loopbackConfig } from "./pretended.ts";

const PORT = 16_941;
const OPTIONS: HeartOptions = {
  config: loopbackConfig(PORT),
  configHash: "",
  node: "srv1",
  keys: [new Uint8Array(32).fill(7)],
  epochs: {},
  wishes: [],
  handover: undefined,
};
const started: Heart[] = [];

afterEach(async () => {
  for (const heart of started.splice(0)) await heart.end();
});

async function start(options: HeartOptions = OPTIONS) {
  const heart = startHeart(options, "pretended-heart");
  started.push(heart);
  const fatal: string[] = [];
  const logged: string[] = [];
  let isReady = false;
  heart.on("fatal", ({ message }) => fatal.push(message));
  heart.on("log", ({ message }) => logged.push(message));
  heart.on("ready", () => (isReady = true));
  await vi.waitFor(() => expect(isReady || fatal.length > 0).toBe(true), 10_000);
  return { heart, fatal, logged };
}

test("A heart answers requests and views, and ends with everything undone", async () => {
  const { heart, fatal, logged } = await start();
  await expect(heart.request({ verb: "leave" })).resolves.toEqual({ kind: "done", detail: "leave" });
  await expect(heart.view()).resolves.toMatchObject({ node: "srv1" });
  await heart.end();
  expect(logged).toEqual([
    "gate.prepare keep=false",
    "gate.close",
    "gate.remove",
    "sysctls.restore",
    "neighbours.close",
    "interfaces.close",
  ]);
  expect(fatal).toEqual([]);
  await expect(heart.view()).rejects.toThrow("ended");
  await expect(heart.request({ verb: "leave" })).rejects.toThrow("ended");
});

test("A defect in the core is told once, with its cause, after the gates were closed, and the thread is gone", async () => {
  const { heart, fatal, logged } = await start();
  heart.post({ kind: "monitor", monitor: "m", verdict: "up", detail: "" });
  await vi.waitFor(() => expect(fatal).toHaveLength(1), 5_000);
  expect(fatal[0]).toContain("a defect in the core");
  expect(logged.at(-1)).toBe("gate.close");
  await heart.end();
  expect(fatal).toHaveLength(1);
});

test("A heart that cannot start says why", async () => {
  const { fatal } = await start({ ...OPTIONS, keys: [] });
  expect(fatal).toEqual([expect.stringContaining("no cluster key")]);
});

test("After a hand-over the gate is taken over as it is", async () => {
  const { logged } = await start({ ...OPTIONS, handover: { groups: [], wishes: [], macs: {} } });
  expect(logged[0]).toBe("gate.prepare keep=true");
});
