import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { expect, test } from "vitest";

import type { MonitorConfig } from "../core/config/cluster.ts";
import { cluster } from "./fixtures/pretended-cluster.ts";
import { ended, PretendedCommands, PretendedHeart } from "./fixtures/pretended.ts";
import { startMonitors } from "./monitors.ts";

function monitor(more: Partial<MonitorConfig> = {}): MonitorConfig {
  const check = { kind: "command", argv: ["check", "{node}", "{address}"] } as const;
  return { name: "app", check, everyMs: 5, timeoutMs: 1_000, fall: 2, rise: 2, ...more };
}

function begin(monitors: readonly MonitorConfig[], commands = new PretendedCommands()) {
  const heart = new PretendedHeart();
  const end = startMonitors({ config: cluster({ monitors }), node: "srv1", commands, heart, random: () => 0 });
  const verdicts = (): unknown[] => heart.posted.map((message) => message.kind === "monitor" && message.verdict);
  return { heart, commands, end, verdicts };
}

test("only changes of the verdict are told, after as many checks as configured", async () => {
  const commands = new PretendedCommands();
  let isUp = true;
  commands.answer = () => ended(isUp ? 0 : 1);
  const { end, verdicts } = begin([monitor()], commands);
  await expect.poll(() => commands.lines.length).toBeGreaterThan(3);
  expect(verdicts()).toEqual(["up"]);
  isUp = false;
  await expect.poll(verdicts).toEqual(["up", "down"]);
  isUp = true;
  await expect.poll(verdicts).toEqual(["up", "down", "up"]);
  end();
  expect(commands.lines[0]).toBe("check srv1 127.0.0.11");
});

test("the first check is told even when it says nothing, so that nobody waits for it", async () => {
  const commands = new PretendedCommands();
  commands.answer = () => ended(1);
  const { end, verdicts } = begin([monitor({ fall: 3, everyMs: 10 })], commands);
  await expect.poll(verdicts).toEqual(["unknown", "down"]);
  end();
});

test("a slow check never overlaps itself, and all of them together stay below the limit", async () => {
  const commands = new PretendedCommands();
  const busy = new Map<string, number>();
  let most = 0;
  let isOverlapping = false;
  commands.answer = async (line) => {
    busy.set(line, (busy.get(line) ?? 0) + 1);
    isOverlapping ||= (busy.get(line) ?? 0) > 1;
    most = Math.max(
      most,
      [...busy.values()].reduce((sum, count) => sum + count, 0),
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    busy.set(line, (busy.get(line) ?? 1) - 1);
    return ended(0);
  };
  const monitors = Array.from({ length: 40 }, (_, index) =>
    monitor({ name: `m${index}`, check: { kind: "command", argv: ["check", String(index)] } }),
  );
  const { end } = begin(monitors, commands);
  await expect.poll(() => commands.lines.length, { timeout: 5_000 }).toBeGreaterThan(100);
  end();
  expect(isOverlapping).toBe(false);
  expect(most).toBe(16);
});

test("a web address may name the node or its address", async () => {
  const server = createServer((_request, response) => response.end("ok"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.11", resolve));
  const { port } = server.address() as AddressInfo;
  for (const host of ["{node}", "{address}"]) {
    const { end, verdicts } = begin([monitor({ check: { kind: "http", url: `http://${host}:${port}/` } })]);
    await expect.poll(verdicts).toEqual(["up"]);
    end();
  }
  server.close();
});

test("nothing is told after the end", async () => {
  const commands = new PretendedCommands();
  let release: () => void = () => {};
  commands.answer = () => new Promise((resolve) => (release = () => resolve(ended(0))));
  const { heart, end } = begin([monitor()], commands);
  await expect.poll(() => commands.lines.length).toBe(1);
  end();
  release();
  await new Promise((resolve) => setImmediate(resolve));
  expect(heart.posted).toEqual([]);
});
