/** The daemon's life on the real kernel: how it ends, what it leaves, and who may talk to it. */

import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";

import { expect, test } from "vitest";

import { until } from "../lab/clock.ts";
import { withLab } from "../lab/lab.ts";
import type { Lab } from "../lab/lab.ts";
import { packageRoot, PUBLIC_VIP } from "../lab/plan.ts";
import type { LabOptions } from "../lab/plan.ts";

/** A service that is nothing but a file in the member's own /run. */
const APP = "/run/app-runs";
const withService: LabOptions = {
  cluster: (file) => {
    for (const group of Object.values(file.groups)) {
      group.resources.push({
        service: { name: "app", start: ["touch", APP], stop: ["rm", APP], status: ["test", "-e", APP], every: "500ms" },
      });
    }
  },
};

async function runs(lab: Lab, node: string): Promise<boolean> {
  return (await lab.node(node).run(["test", "-e", APP])).code === 0;
}

/** What a daemon could leave behind on a machine. */
async function traces(lab: Lab, node: string): Promise<string[]> {
  const tables = (await lab.node(node).run(["nft", "list", "tables"])).stdout.includes("understudy");
  const address = (await lab.node(node).run(["ip", "-o", "addr"])).stdout.includes(PUBLIC_VIP);
  const service = await runs(lab, node);
  const settings = (await lab.node(node).run(["cat", "/proc/sys/net/ipv4/conf/eth0/arp_ignore"])).stdout.trim() !== "0";
  const found = { tables, address, service, settings };
  return Object.entries(found).flatMap(([name, is]) => (is ? [name] : []));
}

/** A command on the node itself. */
function inside(lab: Lab, node: string, argv: readonly string[]) {
  const { runtimeDirectory } = lab.node(node).paths;
  return lab.node(node).run([join(packageRoot, "bin/understudy"), ...argv, "--runtime-dir", runtimeDirectory]);
}

function otherThan(lab: Lab, node: string): string {
  return lab.nodes.find(({ name }) => name !== node)?.name ?? node;
}

test("SIGTERM moves everything away, and nothing of the daemon stays on the machine", async () => {
  await withLab(withService, async (lab) => {
    const holder = await lab.calm();
    expect(await traces(lab, holder)).toEqual(["tables", "address", "service", "settings"]);
    await lab.node(holder).stopDaemon();
    const other = otherThan(lab, holder);
    await until("the other node serves", async () => (await lab.view(other)).groups[0]?.role === "holding");
    await until("the daemon is gone", async () => (await lab.node(holder).processes()).length === 0);
    expect(await traces(lab, holder)).toEqual([]);
    expect(await runs(lab, other)).toBe(true);
    const left = await lab.node(holder).run(["ls", "-A", lab.node(holder).paths.runtimeDirectory]);
    expect(left.stdout.trim()).toBe("");
  });
});

test("what a killed daemon ran is released by the stop hook, or by the next start", async () => {
  await withLab(withService, async (lab) => {
    const first = await lab.calm();
    const second = otherThan(lab, first);
    const die = async (node: string): Promise<void> => {
      await lab.node(node).killDaemon();
      await until("the daemon is gone", async () => (await lab.node(node).processes()).length === 0);
      expect(await traces(lab, node)).toContain("service");
    };
    await die(first);
    expect(await inside(lab, first, ["release"])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("stopped www/app"),
    });
    expect(await traces(lab, first)).toEqual([]);
    await lab.node(first).startDaemon();
    expect(await lab.calm()).toBe(second);

    expect(await inside(lab, second, ["release"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("DAEMON_ALIVE"),
    });
    await die(second);
    await lab.node(second).startDaemon();
    expect(await lab.calm()).toBe(first);
    expect(await runs(lab, second)).toBe(false);
    expect(await runs(lab, first)).toBe(true);
  });
});

test("a second daemon in the same directories is refused, and the first one does not notice", async () => {
  await withLab({}, async (lab) => {
    const holder = await lab.calm();
    const { clusterFile, stateDirectory } = lab.node(holder).paths;
    const refused = await inside(lab, holder, [
      "daemon",
      "--config",
      clusterFile,
      "--node",
      holder,
      "--state-dir",
      stateDirectory,
    ]);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("ALREADY_RUNNING") });
    expect(await lab.calm()).toBe(holder);
  });
});

test("SIGHUP makes the same process its own next self, which keeps what it holds", async () => {
  await withLab(withService, async (lab) => {
    const holder = await lab.calm();
    const before = await lab.view(holder);
    const pids = await lab.node(holder).processes();
    await lab.call("signal", { node: holder, program: "daemon", signal: "SIGHUP" });
    const after = await until("the next self answers", async () => {
      const view = await lab.view(holder).catch(() => undefined);
      return view !== undefined && view.incarnation !== before.incarnation ? view : undefined;
    });
    expect(await lab.calm()).toBe(holder);
    expect(await lab.node(holder).processes()).toEqual(pids);
    expect(after.groups[0]?.epoch).toBe(before.groups[0]?.epoch);
    expect(await runs(lab, holder)).toBe(true);
    // The service was neither stopped nor started again on the way.
    const log = readFileSync(lab.node(holder).paths.daemonLog, "utf8");
    expect(log).toContain("NODE_RESUMED");
    expect(log).not.toContain("SERVICE_DIED");
  });
});

test("garbage on the daemon's socket is answered with an error and changes nothing", async () => {
  await withLab({}, async (lab) => {
    const holder = await lab.calm();
    const path = join(lab.node(holder).paths.runtimeDirectory, "understudy.sock");
    const garbage = [
      "\0\0\0\0",
      "GET\r\n\r\n",
      `GET /${"x".repeat(200_000)}`,
      `POST /v1/requests HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"verb":1`,
    ];
    for (const bytes of garbage) expect(await sendRaw(path, bytes)).toMatch(/^HTTP\/1.1 4\d\d /);
    for (const body of [{}, { verb: "switch" }, { verb: "switch", group: "www", to: "nobody" }, { verb: "leave" }]) {
      await expect(lab.ask(holder, "POST", "/v1/requests", body)).rejects.toThrow();
    }
    expect(await lab.calm()).toBe(holder);
  });
});

function sendRaw(path: string, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(path, () => socket.write(bytes));
    socket.setTimeout(5_000, () => socket.destroy());
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      socket.end();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });
}
