import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { instant } from "../core/base/time.ts";
import { cluster } from "./fixtures/pretended-cluster.ts";
import { ended, PretendedCommands, withDirectory } from "./fixtures/pretended.ts";
import { bootTimeMs, takeHandover, writeHandover } from "./handover.ts";
import { releaseLeftovers } from "./release.ts";
import { readRunning, RunningList } from "./running.ts";

function failOnError(error: Error): void {
  throw error;
}

async function leaveRunning(runtimeDir: string): Promise<void> {
  const list = new RunningList({ runtimeDir, node: "srv1", config: cluster(), failed: failOnError });
  const stop = (name: string) => ({ argv: ["stop", name], timeoutMs: 1_000 });
  list.started({ resource: "www/db", group: "www", stop: stop("db") });
  list.started({ resource: "www/gone", group: "www", stop: stop("gone") });
  list.started({ resource: "www/app", group: "www", stop: stop("app") });
  list.stopped("www/gone");
  await list.flush();
}

function machine(): PretendedCommands {
  const commands = new PretendedCommands();
  commands.answer = (line) => {
    if (line.startsWith("ip -o addr show"))
      return ended(0, { output: "3: eth0    inet 192.0.2.10/32 scope global dynamic eth0" });
    if (line === "nft list tables")
      return ended(0, { output: "table inet filter\ntable inet understudy\ntable arp understudy" });
    return ended(0);
  };
  return commands;
}

test("addresses go first, services in reverse order, and of the tables only our own", async () => {
  await withDirectory(async (directory) => {
    await leaveRunning(directory);
    const commands = machine();
    const report = await releaseLeftovers(directory, commands);
    expect(commands.lines).toEqual([
      "ip -o addr show to 192.0.2.10/32",
      "ip addr del 192.0.2.10/32 dev eth0",
      "stop app",
      "stop db",
      "nft list tables",
      "nft delete table inet understudy",
      "nft delete table arp understudy",
    ]);
    expect(report.failed).toEqual([]);
    expect(report.done).toHaveLength(5);
    expect(await readdir(directory)).toEqual([]);
  });
});

test("after an ordinary end nothing is touched", async () => {
  await withDirectory(async (directory) => {
    const commands = machine();
    expect(await releaseLeftovers(directory, commands)).toEqual({ done: [], failed: [] });
    expect(commands.lines).toEqual([]);
  });
});

test("what fails is told, does not stop the rest, and stays on record for another try", async () => {
  await withDirectory(async (directory) => {
    await leaveRunning(directory);
    const commands = machine();
    const answer = commands.answer;
    commands.answer = (line) => (line === "stop app" ? ended(1, { output: "stuck" }) : answer(line));
    const report = await releaseLeftovers(directory, commands);
    expect(report.failed.join()).toContain("stuck");
    expect(commands.lines).toContain("stop db");
    expect(commands.lines).toContain("nft delete table inet understudy");
    expect((await readRunning(directory))?.resources).toHaveLength(2);
  });
});

test("a record that somebody damaged is no reason to run anything", async () => {
  for (const text of [
    "",
    "{",
    "null",
    `{"node":"srv1","resources":[{"resource":"a","group":"g","stop":{"argv":"rm -rf /","timeoutMs":1}}],"addresses":[7]}`,
  ]) {
    await withDirectory(async (directory) => {
      await writeFile(join(directory, "running.json"), text);
      const commands = machine();
      await releaseLeftovers(directory, commands);
      expect(commands.lines.filter((line) => !line.startsWith("nft"))).toEqual([]);
    });
  }
});

test("guards are taken off the devices last, and what hinders that is told", async () => {
  await withDirectory(async (directory) => {
    await leaveRunning(directory);
    const commands = machine();
    let linesBefore = 0;
    const report = await releaseLeftovers(directory, commands, () => {
      linesBefore = commands.lines.length;
      throw new Error("not permitted");
    });
    expect(linesBefore).toBe(commands.lines.length);
    expect(report.failed).toEqual(["did not give the devices back as they were: not permitted"]);
    expect(await readRunning(directory)).toBeDefined();
  });
});

test("a will that no next self has read is taken back", async () => {
  await withDirectory(async (directory) => {
    const until = instant(bootTimeMs() + 10_000);
    await writeHandover(directory, { groups: [{ name: "www", epoch: 7, until }], wishes: [], macs: {} });
    await releaseLeftovers(directory, machine());
    expect(await takeHandover(directory)).toBeUndefined();
  });
});
