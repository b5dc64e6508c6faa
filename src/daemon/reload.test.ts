import { expect, test } from "vitest";

import { balancer } from "../core/balancer/pretended-balancer.ts";
import type { Problem, Result } from "../core/base/report.ts";
import type { ClusterConfig } from "../core/config/cluster.ts";
import type { Applied } from "../host/engines/engine.ts";
import { RETRIED } from "./balancer/keeper.ts";
import { cluster } from "./fixtures/pretended-cluster.ts";
import type { Loaded } from "./load.ts";
import { Reloader } from "./reload.ts";

const PROBLEM: Problem = { code: "CONFIG_UNKNOWN_KEY", severity: "error", message: "there is no setting nod" };

function loaded(more: Partial<ClusterConfig> = {}, keys = [new Uint8Array([1])]): Loaded {
  const config = cluster({ balancer: balancer(), ...more });
  const { balancer: _, ...rest } = config;
  return { config, configHash: JSON.stringify(rest), keys };
}

/** A reloader of a daemon that runs with `before`, and what it did. */
function reloading(file: Result<Loaded> | Loaded, before = loaded()) {
  const did: string[] = [];
  let running = before;
  let refuses: "check" | "adopt" | "restart" | undefined;
  let by: Applied["by"] = "runtime";
  let refusal = PROBLEM;
  let appliedWith: readonly Problem[] = [];
  const refused = (): Result<never> => ({ ok: false, problems: [refusal] });
  const fine = <T>(value: T): Result<T> => ({ ok: true, value, problems: [] });
  const reloader = new Reloader({
    node: "srv1",
    running: () => running,
    load: async () => ("ok" in file ? file : fine(file)),
    check: async () => (did.push("check"), refuses === "check" ? refused() : fine(undefined)),
    adopt: async () => (
      did.push("adopt"),
      refuses === "adopt" ? refused() : { ...fine({ by, durationMs: 12, oldWorkers: 0 }), problems: appliedWith }
    ),
    adopted: (now) => {
      running = now;
    },
    restart: async () => (
      did.push("restart"),
      refuses === "restart" ? { ok: false, problems: [refusal] } : { ok: true, node: "srv1", detail: "" }
    ),
    record: ({ reason, facts }) => did.push(`${reason} ${String(facts["how"] ?? facts["detail"])}`),
  });
  return {
    reloader,
    did,
    running: () => running,
    refuse: (what: typeof refuses, problem = PROBLEM) => ((refuses = what), (refusal = problem)),
    appliesWith: (problems: readonly Problem[]) => (appliedWith = problems),
    applies: (how: Applied["by"]) => (by = how),
  };
}

test("a file that is wrong is refused whole, and nothing is asked of anybody", async () => {
  const { reloader, did, running } = reloading({ ok: false, problems: [PROBLEM] });
  const before = running();
  expect(await reloader.reload()).toEqual({ ok: false, problems: [PROBLEM] });
  expect(did).toEqual(["CONFIG_REFUSED there is no setting nod"]);
  expect(running()).toBe(before);
});

test("the event of a refusal tells the error and not a warning before it", async () => {
  const warning: Problem = { code: "POOL_OF_ONE", severity: "warning", message: "pool api has one member" };
  const { reloader, did } = reloading({ ok: false, problems: [warning, PROBLEM] });
  await reloader.reload();
  expect(did).toEqual(["CONFIG_REFUSED there is no setting nod"]);
});

test("what the file and the driver both find is told once, with its place", async () => {
  const warning: Problem = { code: "CERTIFICATE_EXPIRED", severity: "warning", message: "a.pem expired" };
  const placed = { ...warning, at: { file: "cluster.yaml", line: 1, column: 2, length: 3, text: "x" } };
  const other: Problem = { code: "CERTIFICATE_EXPIRED", severity: "warning", message: "b.pem expired" };
  const { reloader, appliesWith } = reloading({ ok: true, value: loaded(), problems: [placed] });
  appliesWith([{ ...warning, subject: { file: "a.pem" } }, other]);
  expect(await reloader.reload()).toMatchObject({ ok: true, problems: [placed, other] });
});

test("a refused reload is not tried again by itself, and says so", async () => {
  const busy = { ...PROBLEM, next: `stop python3 or let it listen elsewhere; ${RETRIED}` };
  for (const step of ["check", "adopt"] as const) {
    const { reloader, refuse } = reloading(loaded());
    refuse(step, busy);
    const answer = await reloader.reload();
    const [next] = answer.problems.map((problem) => problem.next);
    expect(next).toBe("stop python3 or let it listen elsewhere, then `understudy reload` again");
  }
});

test("what only the engine can judge is judged before anything is done", async () => {
  const after = loaded({ balancer: balancer({ maxConnections: 7 }), gateways: ["192.0.2.1"] });
  const { reloader, did, refuse, running } = reloading(after);
  refuse("check");
  expect(await reloader.reload()).toMatchObject({ ok: false, problems: [PROBLEM] });
  expect(did.filter((word) => !word.startsWith("CONFIG_"))).toEqual(["check"]);
  expect(running()).not.toBe(after);
});

test("another balancer alone is put into effect live, and the answer says how", async () => {
  const after = loaded({ balancer: balancer({ maxConnections: 7 }) });
  const { reloader, did, running } = reloading(after);
  expect(await reloader.reload()).toEqual({
    ok: true,
    node: "srv1",
    how: ["balancer: by runtime commands, in 12 ms"],
    restarts: false,
    problems: [],
  });
  expect(did).toEqual(["check", "adopt", "CONFIG_RELOADED balancer: by runtime commands, in 12 ms"]);
  expect(running()).toBe(after);
});

test("a balancer that the engine refuses at the last moment leaves the former config the running one", async () => {
  const { reloader, refuse, running } = reloading(loaded({ balancer: balancer({ maxConnections: 7 }) }));
  const before = running();
  refuse("adopt");
  expect(await reloader.reload()).toMatchObject({ ok: false });
  expect(running()).toBe(before);
});

test("the same file again changes nothing and says so, but what it names is read anew", async () => {
  const { reloader, did, applies } = reloading(loaded());
  applies("nothing");
  expect(await reloader.reload()).toMatchObject({ ok: true, how: [], restarts: false });
  expect(did).toEqual(["check", "adopt"]);
  applies("reload");
  expect(await reloader.reload()).toMatchObject({ how: ["balancer: by one reload of the engine, in 12 ms"] });
});

test("whatever else differs needs the restart that keeps the leases", async () => {
  const changes: [Loaded, string[]][] = [
    [loaded({ gateways: ["192.0.2.1"] }), ["gateways"]],
    [loaded({ gateways: ["192.0.2.1"], balancer: balancer({ maxConnections: 7 }) }), ["gateways", "balancer"]],
    [loaded({ balancer: balancer({ engine: "nginx" }) }), ["balancer"]],
    [loaded({}, [new Uint8Array([2])]), ["key"]],
  ];
  for (const [after, parts] of changes) {
    const { reloader, did } = reloading(after);
    expect(await reloader.reload()).toMatchObject({
      ok: true,
      restarts: true,
      how: parts.map((part) => `${part}: by a restart that keeps the leases`),
    });
    expect(did.slice(0, 2)).toEqual(["check", "restart"]);
  }
});

test("a cluster file that gets or loses its balancer restarts the daemon", async () => {
  const { balancer: _, ...rest } = loaded().config;
  const without: Loaded = { ...loaded(), config: rest };
  expect(await reloading(without).reloader.reload()).toMatchObject({
    ok: true,
    restarts: true,
    how: [expect.stringContaining("balancer:")],
  });
  expect(await reloading(loaded(), without).reloader.reload()).toMatchObject({ ok: true, restarts: true });
});

test("a restart to which the others do not agree refuses the reload", async () => {
  const { reloader, refuse } = reloading(loaded({ gateways: ["192.0.2.1"] }));
  refuse("restart");
  expect(await reloader.reload()).toMatchObject({ ok: false, problems: [PROBLEM] });
});

test("a second reload waits for its turn by being refused", async () => {
  const { reloader } = reloading(loaded());
  const first = reloader.reload();
  expect(await reloader.reload()).toMatchObject({ ok: false, problems: [{ code: "RELOAD_IN_PROGRESS" }] });
  expect(await first).toMatchObject({ ok: true });
});
