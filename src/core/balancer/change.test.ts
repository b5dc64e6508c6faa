import fc from "fast-check";
import { expect, test } from "vitest";
import type { BalancerConfig } from "../config/balancer.ts";
import { describeChange, type RenderedServer, renderedServers } from "./change.ts";
import { PANIC_MAP } from "./haproxy-names.ts";
import { renderHaproxy } from "./haproxy.ts";
import { balancer, member, pool, site } from "./pretended-balancer.ts";
import { type Wanted, wantedOf } from "./wanted.ts";

const base = wantedOf(balancer());

function withMember(more: Partial<Wanted["members"][number]>): Wanted {
  return { ...base, members: base.members.map((want, index) => (index === 0 ? { ...want, ...more } : want)) };
}

function because(more: Partial<BalancerConfig>): readonly string[] {
  return describeChange(base, wantedOf(balancer(more))).because;
}

test("the same needs nothing, and what is not known needs a reload", () => {
  expect(describeChange(base, wantedOf(balancer()))).toEqual({ by: "nothing", commands: [], because: [] });
  expect(describeChange(undefined, base)).toMatchObject({ by: "reload", commands: [] });
});

test("a member's weight, drain and address are given by command, to both backends of its pool", () => {
  expect(describeChange(base, withMember({ weight: 7 })).commands).toEqual([
    "set weight apache/srv1 7",
    "set weight apache:all/srv1 7",
  ]);
  expect(describeChange(base, withMember({ drain: "operator" })).commands).toEqual([
    "set weight apache/srv1 0",
    "set weight apache:all/srv1 0",
  ]);
  expect(describeChange(withMember({ drain: "standby" }), base).commands).toEqual([
    "set weight apache/srv1 100",
    "set weight apache:all/srv1 100",
  ]);
  const moved = balancer({
    pools: [pool("apache", [member("srv1", { address: "2001:db8::1", port: 81 }), member("srv2")])],
  });
  expect(describeChange(base, wantedOf(moved))).toEqual({
    by: "runtime",
    commands: [
      "set server apache/srv1 addr 2001:db8::1 port 81",
      "set server apache:all/srv1 addr 2001:db8::1 port 81",
    ],
    because: [],
  });
});

test("a cause of drain that changes needs nothing", () => {
  expect(describeChange(withMember({ drain: "standby" }), withMember({ drain: "operator" })).by).toBe("nothing");
});

test("pools whose checks are suspected are switched by command", () => {
  const suspected = { ...base, servingAll: ["apache"] };
  expect(describeChange(base, suspected).commands).toEqual([`add map ${PANIC_MAP} apache on`]);
  expect(describeChange(suspected, base).commands).toEqual([`del map ${PANIC_MAP} apache`]);
});

test("anything else is a reload that says why", () => {
  expect(because({ maxConnections: 5 })).toEqual(["max connections of the balancer changes"]);
  expect(because({ sites: [site("example.com", { bodyLimitBytes: 1_000 }), site("b.example")] })).toEqual([
    "site example.com changes: body limit",
    "site b.example is new",
  ]);
  const pools = [pool("apache", [member("srv1", { backup: true }), member("srv3")], { retries: 1 })];
  expect(because({ pools })).toEqual([
    "pool apache changes: retries",
    "member apache/srv2 is gone",
    "member apache/srv1 changes: backup",
    "member apache/srv3 is new",
  ]);
  expect(
    because({ pools: [pool("apache", [member("srv2", { node: "srv2" }), member("srv1", { node: "srv1" })])] }),
  ).toEqual(["members stand in another order"]);
});

test("an address that stands in other rules too needs a reload", () => {
  const logged = (address: string): Wanted => {
    const check = {
      probe: {
        kind: "http",
        method: "GET",
        path: "/check.txt",
        host: undefined,
        expect: { kind: "status", ranges: [] },
      },
    } as const;
    const members = [member("srv1", { node: "srv1", address })];
    const checked = pool("apache", members, {
      check: { ...check, everyMs: 2_000, timeoutMs: 500, fall: 3, rise: 2, port: undefined },
    });
    return wantedOf(balancer({ accessLog: { kind: "syslog" }, pools: [checked] }));
  };
  expect(describeChange(logged("10.0.0.1"), logged("10.0.0.2"))).toEqual({
    by: "reload",
    commands: [],
    because: ["a member's address stands in more rules than its own line"],
  });
});

test("a renewed certificate is no reload, other files of this machine are", () => {
  expect(describeChange(base, base, [{ path: "certificates/a-1.pem", kind: "certificate" }])).toMatchObject({
    by: "runtime",
    commands: [],
  });
  expect(describeChange(base, base, [{ path: "errors/a-503.http", kind: "error-page" }])).toMatchObject({
    by: "reload",
    because: ["errors/a-503.http has another content"],
  });
});

test("an engine without commands is reloaded for every difference", () => {
  const before = wantedOf(balancer({ engine: "nginx" }));
  const members = before.members.map((want, index) => (index === 0 ? { ...want, isUp: false } : want));
  expect(describeChange(before, before).by).toBe("nothing");
  expect(describeChange(before, { ...before, members })).toEqual({
    by: "reload",
    commands: [],
    because: ["member apache/srv1 changes: up"],
  });
});

test("many reasons are told in part and counted", () => {
  const sites = Array.from({ length: 40 }, (_, index) => site(`s${index}.example`));
  const reasons = because({ sites: [site("example.com"), ...sites] });
  expect(reasons).toHaveLength(13);
  expect(reasons.at(-1)).toBe("and 28 more");
});

/** What a running HAProxy makes of commands, in the plainest way. */
class PretendedWorker {
  readonly servers: Map<string, RenderedServer>;
  readonly serving: Set<string>;

  constructor(wanted: Wanted) {
    this.servers = new Map(renderedServers(wanted).map((server) => [`${server.backend}/${server.server}`, server]));
    this.serving = new Set(wanted.servingAll);
  }

  take(command: string): void {
    const words = command.split(" ");
    const [verb, kind, name = "", ...rest] = words;
    if (verb === "set" && kind === "weight") this.#change(name, { weight: Number(rest[0]) });
    else if (verb === "set" && kind === "server") this.#change(name, { address: rest[1] ?? "", port: Number(rest[3]) });
    else if (verb === "add" && kind === "map" && name === PANIC_MAP) this.serving.add(rest[0] ?? "");
    else if (verb === "del" && kind === "map" && name === PANIC_MAP) this.serving.delete(rest[0] ?? "");
    else throw new Error(`unknown: ${command}`);
  }

  #change(name: string, more: Partial<RenderedServer>): void {
    const server = this.servers.get(name);
    if (server === undefined) throw new Error(`no server ${name}`);
    this.servers.set(name, { ...server, ...more });
  }
}

const drawnMember = fc.record({
  weight: fc.integer({ min: 1, max: 256 }),
  address: fc.constantFrom("10.0.0.1", "10.0.0.2", "2001:db8::1"),
  port: fc.constantFrom(80, 8_000),
  backup: fc.boolean(),
  wish: fc.record({ weight: fc.option(fc.integer({ min: 0, max: 256 })), isDrained: fc.boolean() }),
});
const drawn = fc
  .record({
    hasCheck: fc.boolean(),
    members: fc.tuple(drawnMember, drawnMember),
    extra: fc.constantFrom(0, 0, 0, 1),
    oldWorkersMs: fc.constantFrom(60_000, 60_000, 60_000, 30_000),
    serving: fc.boolean(),
  })
  .map(({ hasCheck, members, extra, oldWorkersMs, serving }): Wanted => {
    const listed = members.map(({ wish: _, ...more }, index) =>
      member(`srv${index + 1}`, { ...more, backup: more.backup && extra === 1 }),
    );
    const pools = [pool("apache", listed, hasCheck ? {} : { check: undefined })];
    const wanted = wantedOf(balancer({ pools, oldWorkersMs }));
    return {
      ...wanted,
      members: wanted.members.map((want, index) => {
        const wish = members[index]?.wish;
        return { ...want, weight: wish?.weight ?? want.weight, drain: wish?.isDrained ? "operator" : undefined };
      }),
      servingAll: serving && hasCheck ? ["apache"] : [],
    };
  });

function text(wanted: Wanted): string {
  return JSON.stringify(renderHaproxy(wanted, { directory: "/run/x" }, { account: undefined }));
}

test("commands lead to the very state that rendering anew describes, and nothing is said only of the same text", () => {
  const seen = { nothing: 0, runtime: 0, reload: 0 };
  fc.assert(
    fc.property(drawn, drawn, fc.boolean(), (before, other, isSameSettings) => {
      const shared = { pools: other.config.pools.map((each) => ({ ...each, check: before.config.pools[0]?.check })) };
      const config = { ...other.config, ...shared, oldWorkersMs: before.config.oldWorkersMs };
      const after = isSameSettings ? { ...other, config } : other;
      const change = describeChange(before, after);
      seen[change.by] += 1;
      expect(change.by === "nothing").toBe(text(before) === text(after));
      if (change.by === "reload") {
        expect(change.because.length).toBeGreaterThan(0);
        return;
      }
      const worker = new PretendedWorker(before);
      for (const command of change.commands) worker.take(command);
      expect([...worker.servers.values()]).toEqual(renderedServers(after));
      expect([...worker.serving]).toEqual(after.servingAll);
    }),
    { numRuns: 500 },
  );
  // A property that was never looked at says nothing.
  expect(Math.min(seen.runtime, seen.reload)).toBeGreaterThan(20);
});

test("what is taken for the rendered servers is what the rendered config says", () => {
  fc.assert(
    fc.property(drawn, (wanted) => {
      const [config] = renderHaproxy(wanted, { directory: "/run/x" }, { account: undefined });
      let backend = "";
      const said = (config?.content ?? "").split("\n").flatMap((line) => {
        backend = /^backend (\S+)/.exec(line)?.[1] ?? backend;
        const [, server, place = "", weight] = /^ {4}server (\S+) (\S+) weight (\d+)/.exec(line) ?? [];
        if (server === undefined) return [];
        const colon = place.lastIndexOf(":");
        const address = place.slice(0, colon).replaceAll(/[[\]]/g, "");
        return [{ backend, server, address, port: Number(place.slice(colon + 1)), weight: Number(weight) }];
      });
      const byBackend = (a: RenderedServer, b: RenderedServer): number =>
        a.backend < b.backend ? -1 : a.backend > b.backend ? 1 : 0;
      expect(said.toSorted(byBackend)).toEqual(renderedServers(wanted).toSorted(byBackend));
    }),
  );
});
