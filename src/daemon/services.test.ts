import { expect, test } from "vitest";

import type { RunEffect } from "../core/node/effects.ts";
import { watchEverywhere } from "./everywhere.ts";
import { service } from "./fixtures/pretended-cluster.ts";
import { ended, PretendedCommands, PretendedHeart } from "./fixtures/pretended.ts";
import { Services } from "./services.ts";

const app = service("www/app");

function effect(id: number, action: RunEffect["action"], resource = "www/app"): RunEffect {
  return { kind: "run", id, group: "www", resource, action, command: { argv: [action, resource], timeoutMs: 1_000 } };
}

function pretend() {
  const commands = new PretendedCommands();
  const heart = new PretendedHeart();
  const list: string[] = [];
  const running = {
    started: ({ resource }: { resource: string }) => void list.push(resource),
    stopped: (resource: string) => void list.splice(list.indexOf(resource), 1),
  };
  const services = new Services({ node: "srv1", commands, heart, running, stopOf: () => app.stop });
  return { commands, heart, list, services };
}

test("every action is answered with its id, its success and its last words", async () => {
  const { commands, heart, services } = pretend();
  commands.answer = (line) => ended(line.startsWith("start") ? 3 : 0, { output: "no such port" });
  services.perform(effect(1, "start"));
  services.perform(effect(2, "status"));
  await expect.poll(() => heart.posted.length).toBe(2);
  expect(heart.posted[0]).toMatchObject({ kind: "resource-result", id: 1, ok: false });
  expect(JSON.stringify(heart.posted[0])).toContain("no such port");
  expect(heart.posted[1]).toMatchObject({ id: 2, ok: true });
  expect(commands.environments[0]).toEqual({
    UNDERSTUDY_NODE: "srv1",
    UNDERSTUDY_GROUP: "www",
    UNDERSTUDY_RESOURCE: "www/app",
    UNDERSTUDY_ACTION: "start",
  });
});

test("a resource has one action at a time, in order; another resource does not wait for it", async () => {
  const { commands, heart, services } = pretend();
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  commands.answer = async (line) => {
    if (line === "start www/app") await gate;
    return ended(0);
  };
  services.perform(effect(1, "start"));
  services.perform(effect(2, "stop"));
  services.perform(effect(3, "start", "www/other"));
  await expect.poll(() => heart.posted.map((message) => "id" in message && message.id)).toEqual([3]);
  expect(commands.lines).toEqual(["start www/app", "start www/other"]);
  release();
  await expect.poll(() => heart.posted.map((message) => "id" in message && message.id)).toEqual([3, 1, 2]);
});

test("a flood of actions for one resource is bounded, and each is answered", async () => {
  const { heart, services } = pretend();
  for (let id = 1; id <= 100; id += 1) services.perform(effect(id, "status"));
  await expect.poll(() => heart.posted.length).toBe(100);
  expect(new Set(heart.posted.map((message) => "id" in message && message.id)).size).toBe(100);
});

test("what was started is on record before it runs, until a stop worked", async () => {
  const { commands, heart, list, services } = pretend();
  let seen: string[] = [];
  commands.answer = (line) => {
    if (line.startsWith("start")) seen = [...list];
    return ended(line.startsWith("stop") && commands.lines.length === 2 ? 1 : 0);
  };
  services.perform(effect(1, "start"));
  services.perform(effect(2, "stop"));
  await expect.poll(() => heart.posted.length).toBe(2);
  expect(seen).toEqual(["www/app"]);
  expect(list).toEqual(["www/app"]);
  services.perform(effect(3, "stop"));
  await expect.poll(() => list).toEqual([]);
});

function everywhere(commands: PretendedCommands, more: { isResumed?: boolean; status?: undefined } = {}) {
  const events: string[] = [];
  const nginx = service("everywhere/nginx", "status" in more ? { status: undefined } : {});
  const end = watchEverywhere({
    node: "srv1",
    services: [nginx],
    commands,
    isResumed: more.isResumed ?? false,
    record: ({ reason, facts }) => void events.push(`${reason} ${String(facts["resource"])}`),
  });
  return { events, end };
}

test("a service that runs everywhere is started once when it is down, and left alone when it is up", async () => {
  const commands = new PretendedCommands();
  let isUp = false;
  commands.answer = (line) => {
    if (line.startsWith("start")) isUp = true;
    return ended(line.startsWith("status") && !isUp ? 3 : 0);
  };
  const { events, end } = everywhere(commands);
  await expect.poll(() => commands.lines.length, { timeout: 5_000 }).toBeGreaterThan(4);
  end();
  expect(commands.lines.filter((line) => line.startsWith("start"))).toHaveLength(1);
  expect(events).toEqual([]);
});

test("one that dies is told once and started again", async () => {
  const commands = new PretendedCommands();
  let isUp = true;
  let starts = 0;
  commands.answer = (line) => {
    if (line.startsWith("start")) {
      starts += 1;
      isUp = true;
    }
    return ended(line.startsWith("status") && !isUp ? 3 : 0);
  };
  const { events, end } = everywhere(commands);
  await expect.poll(() => commands.lines.length).toBeGreaterThan(1);
  isUp = false;
  await expect.poll(() => starts).toBe(1);
  end();
  expect(events).toEqual(["SERVICE_DIED everywhere/nginx"]);
});

test("after a restart of the daemon nothing is started twice, not even what has no status", async () => {
  const commands = new PretendedCommands();
  const { end } = everywhere(commands, { isResumed: true, status: undefined });
  const other = new PretendedCommands();
  const second = everywhere(other, { status: undefined });
  await expect.poll(() => other.lines).toEqual(["start everywhere/nginx"]);
  end();
  second.end();
  expect(commands.lines).toEqual([]);
});
