/** Services in a group: their order, and what becomes of the site when they misbehave. */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { EventRecord } from "../../api/types.ts";
import { until } from "../clock.ts";
import type { ClusterFile } from "../cluster-file.ts";
import type { Lab } from "../lab.ts";
import { withLab } from "../lab.ts";
import { packageRoot, PUBLIC_VIP } from "../plan.ts";
import { expectNeverTwo, expectOneHolder, watchSite } from "./site.fixture.ts";

const SERVICE = join(packageRoot, "src/lab/fixtures/unruly-service.sh");
const START_LIMIT = "1500ms";
/** Uptime is told in hundredths of a second. */
const UPTIME_GRAIN_MS = 20;

type Name = "store" | "app";
type Action = "start" | "stop" | "status";

/** The group has two services behind its VIP, the second one after the first. */
function useServices(file: ClusterFile): void {
  const command = (name: Name, action: Action, timeout: string) => ({ command: [SERVICE, name, action], timeout });
  const service = (name: Name) => ({
    service: {
      name,
      start: command(name, "start", START_LIMIT),
      stop: command(name, "stop", "2s"),
      status: command(name, "status", "2s"),
      every: "200ms",
      attempts: 2,
    },
  });
  file.groups["www"]?.resources.push(service("store"), service("app"));
}

/** One line of a node's log of services. */
interface Deed {
  /** CLOCK_MONOTONIC milliseconds, as near as uptime tells. */
  readonly atMs: number;
  readonly what: string;
}

/** The services of one node, seen in their folder. */
class Services {
  readonly #folder: string;
  readonly #offsetMs: number;

  constructor(lab: Lab, node: string) {
    this.#folder = join(lab.node(node).paths.directory, "run/services");
    mkdirSync(this.#folder, { recursive: true });
    const uptimeMs = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1_000;
    this.#offsetMs = lab.now() - uptimeMs;
  }

  /** What happened after a moment, but for questions about the status. */
  deeds(afterMs = 0): Deed[] {
    let text = "";
    try {
      text = readFileSync(join(this.#folder, "log"), "utf8");
    } catch {
      // nothing was asked of them yet
    }
    return text
      .split("\n")
      .filter((line) => line !== "" && !line.includes(" status "))
      .map((line) => {
        const [uptime = "", ...words] = line.split(" ");
        return { atMs: Number(uptime) * 1_000 + this.#offsetMs, what: words.join(" ") };
      })
      .filter(({ atMs }) => atMs >= afterMs - UPTIME_GRAIN_MS);
  }

  mood(name: Name, action: Action, mood: string): void {
    writeFileSync(join(this.#folder, `${name}.${action}`), `${mood}\n`);
  }

  calm(name: Name, action: Action): void {
    rmSync(join(this.#folder, `${name}.${action}`));
  }

  /** Process id inside the node; undefined when it was never started or was stopped. */
  pid(name: Name): string | undefined {
    try {
      return readFileSync(join(this.#folder, `${name}.pid`), "utf8").trim();
    } catch {
      return undefined;
    }
  }
}

function whats(deeds: readonly Deed[]): string[] {
  return deeds.map(({ what }) => what);
}

const STOPS = ["app stop begins", "app stop ends", "store stop begins", "store stop ends"];
const STARTS = ["store start begins", "store start ends", "app start begins", "app start ends"];

async function eventAfter(lab: Lab, node: string, reason: string, known: number): Promise<EventRecord> {
  return await until(reason, async () => {
    const events = (await lab.ask(node, "GET", "/v1/events")) as EventRecord[];
    return events.slice(known).find((event) => event.reason === reason);
  });
}

async function countEvents(lab: Lab, node: string): Promise<number> {
  return ((await lab.ask(node, "GET", "/v1/events")) as EventRecord[]).length;
}

async function why(lab: Lab, node: string): Promise<string> {
  const { code, stdout } = await lab.understudy(node, ["why", "www"]);
  expect(code).toBe(0);
  return stdout;
}

async function canHold(lab: Lab, node: string): Promise<boolean> {
  const group = (await lab.view(node, 5_000)).groups[0];
  return group?.candidates.find((one) => one.node === node)?.eligible === true;
}

test("a group's services stop in reverse and start in order while nobody serves; one that dies is started again", async () => {
  await withLab({ cluster: useServices }, async (lab) => {
    const { holder, standby, client } = await watchSite(lab);
    const [before, after] = [new Services(lab, holder), new Services(lab, standby)];
    expect(whats(before.deeds())).toEqual(STARTS);
    for (const name of ["store", "app"] as const) {
      before.mood(name, "stop", "0.2");
      after.mood(name, "start", "0.2");
    }
    const fromMs = lab.now();
    expect(await lab.understudy(holder, ["switch", "www", "--to", standby, "--wait"])).toMatchObject({ code: 0 });
    await client.pageAfter(fromMs, { from: standby });
    const [stops, starts] = [before.deeds(fromMs), after.deeds(fromMs)];
    expect(whats(stops)).toEqual(STOPS);
    expect(whats(starts)).toEqual(STARTS);
    // The gate is closed before the first stop and opens after the last start.
    const closed = {
      fromMs: (stops[0]?.atMs ?? 0) + UPTIME_GRAIN_MS,
      toMs: (starts.at(-1)?.atMs ?? 0) - UPTIME_GRAIN_MS,
    };
    expect(closed.toMs - closed.fromMs).toBeGreaterThan(700);
    expect(stops.at(-1)?.atMs).toBeLessThan((starts[0]?.atMs ?? 0) + UPTIME_GRAIN_MS);
    expect((await lab.holders.report(closed)).vips[PUBLIC_VIP]?.order).toEqual([]);

    const known = await countEvents(lab, standby);
    const killedMs = lab.now();
    await lab.run(standby, ["kill", "-9", after.pid("store") ?? "none"]);
    expect((await eventAfter(lab, standby, "SERVICE_DIED", known)).node).toBe(standby);
    await until("it is started again", () => whats(after.deeds(killedMs)).includes("store start ends"));
    expect(await expectOneHolder(lab)).toBe(standby);
    expect(Object.keys((await client.summary({ fromMs: killedMs })).pages)).toEqual([standby]);
    await expectNeverTwo(lab, fromMs);
  });
});

test.each([
  { mood: "fail", told: /app did not start.*broken on purpose/ },
  { mood: "hang", told: /app did not start.*did not end within its time limit/ },
])("a service whose start must $mood on the other node sends the group back, until it is cleared", async (each) => {
  await withLab({ cluster: useServices }, async (lab) => {
    const { holder, standby, client } = await watchSite(lab);
    const there = new Services(lab, standby);
    there.mood("app", "start", each.mood);
    const fromMs = lab.now();
    const known = await countEvents(lab, standby);
    await lab.understudy(holder, ["switch", "www", "--to", standby]);
    await eventAfter(lab, standby, "GROUP_BARRED", known);
    await until("the site is back", async () => (await client.pageAfter(lab.now())) === holder);
    const tried = whats(there.deeds(fromMs));
    expect(tried.filter((what) => what === "app start begins")).toHaveLength(2);
    expect(tried).toContain("store stop ends");
    const words = await why(lab, holder);
    expect(words).toMatch(each.told);
    expect(words).toMatch(new RegExp(`${standby} .*barred until cleared`));
    expect(await canHold(lab, standby)).toBe(false);
    // Refused or in vain: either way the group stays, and the service is not even tried.
    const again = lab.now();
    await lab.understudy(holder, ["switch", "www", "--to", standby]);
    await client.pageAfter(lab.now(), { from: holder });
    expect(there.deeds(again)).toEqual([]);

    there.calm("app", "start");
    expect(await lab.understudy(holder, ["clear", "www"])).toMatchObject({ code: 0 });
    await until("the node may hold again", () => canHold(lab, standby));
    expect(await lab.understudy(holder, ["switch", "www", "--to", standby, "--wait"])).toMatchObject({ code: 0 });
    expect(await expectOneHolder(lab)).toBe(standby);
    await expectNeverTwo(lab, fromMs);
  });
});

test("a service that will not stop leaves its node with the gate closed, and the site comes from the other", async () => {
  await withLab({ cluster: useServices }, async (lab) => {
    const { holder, standby, client } = await watchSite(lab);
    const stubborn = new Services(lab, holder);
    stubborn.mood("store", "stop", "fail");
    const fromMs = lab.now();
    const known = await countEvents(lab, standby);
    await lab.understudy(holder, ["switch", "www", "--to", standby]);
    const told = await eventAfter(lab, standby, "GROUP_STOP_FAILED", known);
    expect(told).toMatchObject({ severity: "alert", node: holder });
    await client.pageAfter(fromMs, { from: standby });
    expect((await lab.view(holder, 5_000)).groups[0]?.role).toBe("stuck");
    expect(stubborn.pid("store")).toBeDefined();
    const words = await why(lab, standby);
    expect(words).toMatch(/store did not stop.*broken on purpose/);
    expect(await canHold(lab, holder)).toBe(false);

    stubborn.calm("store", "stop");
    expect(await lab.understudy(standby, ["clear", "www"])).toMatchObject({ code: 0 });
    await until("it is stopped", () => stubborn.pid("store") === undefined);
    await until("the node may hold again", () => canHold(lab, holder));
    expect(await expectOneHolder(lab)).toBe(standby);
    await expectNeverTwo(lab, fromMs);
  });
});

test("after the daemon was killed, the stop hook stops its services and removes its addresses and rules", async () => {
  await withLab({ cluster: useServices }, async (lab) => {
    const { holder, standby, client } = await watchSite(lab);
    const left = new Services(lab, holder);
    const node = lab.node(holder);
    const fromMs = await node.killDaemon();
    await client.pageAfter(fromMs, { from: standby });
    const release = [join(packageRoot, "bin/understudy"), "release", "--runtime-dir", node.paths.runtimeDirectory];
    const released = await node.run(release);
    expect(`${released.code} ${released.stderr}`).toBe("0 ");
    expect(whats(left.deeds(fromMs))).toEqual(STOPS);
    expect(left.pid("app") ?? left.pid("store")).toBeUndefined();
    expect((await node.run(["ip", "-o", "address", "show", "to", PUBLIC_VIP])).stdout).toBe("");
    expect((await node.run(["nft", "list", "ruleset"])).stdout).not.toContain("understudy");
    for (const device of ["eth0", "eth1"]) {
      expect((await node.run(["tc", "filter", "show", "dev", device, "egress"])).stdout).not.toContain("understudy");
    }
    const again = await node.run(release);
    expect(`${again.code} ${again.stdout}${again.stderr}`).toBe("0 ");
    await node.startDaemon();
    expect(await expectOneHolder(lab)).toBe(standby);
    await expectNeverTwo(lab, fromMs);
  });
});
