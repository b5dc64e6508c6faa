import { expect, test } from "vitest";

import type { MemberView } from "../api/balancer.ts";
import { nodeView } from "../daemon/fixtures/pretended-cluster.ts";
import { type PretendedDaemon, withDaemon } from "./fixtures/pretended-daemon.ts";
import { balancerView, memberView, poolsAnswer, poolView } from "./fixtures/pretended-pools.ts";

/** srv2 is drained on both nodes' engines, and srv2's engine says this about it with every further look. */
function drained(looks: readonly Partial<MemberView>[], srv1IsSilent = false): PretendedDaemon["pools"] {
  let look = -1;
  return () => {
    look += 1;
    const seen = looks[Math.min(look, looks.length - 1)];
    const pool = (more: Partial<MemberView> = {}) =>
      poolView("apache", [memberView("srv1"), memberView("srv2", { drain: "operator", ...more })]);
    return poolsAnswer({
      srv1: srv1IsSilent ? undefined : balancerView("srv1", [pool()]),
      srv2: balancerView("srv2", [pool(seen)]),
    });
  };
}

test.concurrent("drain asks for it, and tells how many sessions remain", async () => {
  await withDaemon(async (ask, daemon) => {
    daemon.answer = { ok: true, node: "srv1", detail: "apache/srv2 drains" };
    daemon.pools = drained([{ sessions: 3 }]);
    expect(await ask("drain", "apache/srv2")).toEqual({
      code: 0,
      out: "apache/srv2 drains\n3 sessions remain\n",
      err: "",
    });
    expect(daemon.asked).toEqual([{ member: "apache/srv2", on: true, force: false }]);
    const { out } = await ask("drain", "srv2", "--force", "--json");
    expect(JSON.parse(out)).toMatchObject({ ok: true, members: ["apache/srv2"], sessions: 3 });
    expect(daemon.asked.at(-1)).toEqual({ member: "srv2", on: true, force: true });
  });
});

test.concurrent("drain says that a cookie still leads its visitors there", async () => {
  await withDaemon(async (ask, daemon) => {
    const members = [memberView("srv1"), memberView("srv2", { drain: "operator" })];
    const sticky = poolView("apache", members, { sticky: "cookie" });
    daemon.pools = () => poolsAnswer({ srv1: balancerView("srv1", [sticky]) });
    const { out } = await ask("drain", "apache/srv2");
    expect(out).toBe("done\nno session remains; visitors whose cookie names it still come back to it\n");
  });
});

test.concurrent("a wrong name is refused before anything is asked, with the nearest right one", async () => {
  await withDaemon(async (ask, daemon) => {
    const ended = await ask("drain", "apahce/srv2");
    expect([ended.code, ended.out]).toEqual([1, ""]);
    expect(ended.err).toContain('did you mean "apache/srv2"?');
    expect((await ask("drain", "srv9")).err).toContain("MEMBER_UNKNOWN");
    expect(daemon.asked).toEqual([]);
  });
});

test.concurrent("a refusal is told in the daemon's words", async () => {
  await withDaemon(async (ask, daemon) => {
    daemon.answer = {
      ok: false,
      problems: [{ code: "DRAIN_LAST_MEMBER", severity: "error", message: "nobody would be left", next: "--force" }],
    };
    const ended = await ask("drain", "srv2");
    expect([ended.code, ended.out]).toEqual([1, ""]);
    expect(ended.err).toContain("DRAIN_LAST_MEMBER  nobody would be left");
  });
});

test.concurrent("without a balancer in the file every such verb says so", async () => {
  await withDaemon(async (ask, daemon) => {
    daemon.balancer = undefined;
    const verbs = [["pools"], ["drain", "srv2"], ["undrain", "srv2"], ["weight", "srv2", "3"]];
    for (const ended of await Promise.all(verbs.map((words) => ask(...words)))) {
      expect([ended.code, ended.out]).toEqual([1, ""]);
      expect(ended.err).toContain("BALANCER_NONE");
    }
  });
});

test.concurrent("drain --wait returns when nothing remained for a while, and tells what it waits for", async () => {
  await withDaemon(async (ask, daemon) => {
    daemon.pools = drained([{}, { sessions: 2 }, { sessions: 1, requests: 4 }, { requests: 4 }]);
    const ended = await ask("drain", "srv2", "--wait", "--quiet", "300ms");
    expect([ended.code, ended.err]).toEqual([0, ""]);
    expect(ended.out).toMatch(/^done\napache\/srv2: 2 sessions remain\napache\/srv2: nothing remains, after \d+m?s\n$/);
  });
});

test.concurrent("drain --wait ends at its time with 1, and says that the member stays drained", async () => {
  await withDaemon(async (ask, daemon) => {
    daemon.pools = drained([{ sessions: 2 }]);
    const ended = await ask("drain", "srv2", "--wait", "--timeout", "700ms", "--quiet", "100ms");
    expect(ended.code).toBe(1);
    expect(ended.err).toContain("DRAIN_NOT_FINISHED  after 700ms: 2 sessions remain; apache/srv2 stays drained");
    const { code, out } = await ask("drain", "srv2", "--wait", "--timeout", "300ms", "--quiet", "100ms", "--json");
    expect([code, JSON.parse(out)]).toMatchObject([
      1,
      { ok: false, sessions: 2, problems: [{ code: "DRAIN_NOT_FINISHED" }] },
    ]);
  });
});

test.concurrent("drain --wait ends with 1 when somebody undrained the member meanwhile", async () => {
  await withDaemon(async (ask, daemon) => {
    let looks = 0;
    daemon.pools = () => {
      looks += 1;
      const drain = looks > 3 ? undefined : "operator";
      const pool = poolView("apache", [memberView("srv1"), memberView("srv2", { drain, sessions: 1 })]);
      return poolsAnswer({ srv1: balancerView("srv1", [pool]) });
    };
    const ended = await ask("drain", "srv2", "--wait", "--quiet", "200ms", "--timeout", "20s");
    expect([ended.code, ended.err]).toEqual([1, expect.stringContaining("DRAIN_ENDED")]);
  });
});

test.concurrent("a node that does not answer is waited for, unless the others know that it is dead", async () => {
  await withDaemon(async (ask, daemon) => {
    daemon.pools = drained([{}], true);
    const wait = ["drain", "srv2", "--wait", "--quiet", "100ms", "--timeout", "600ms"];
    const alive = await ask(...wait);
    expect([alive.code, alive.err]).toEqual([1, expect.stringContaining("srv1 does not answer")]);
    const peer = {
      node: "srv1",
      mode: "online",
      incarnation: "1",
      silentMs: 900,
      links: [],
      configDiffers: false,
      macs: [],
    } as const;
    const view = nodeView("srv2", { peers: [{ ...peer, state: "dead" }] });
    daemon.nodes = [{ node: "srv2", contact: "here", view, pid: 1, version: "1" }];
    expect((await ask(...wait)).code).toBe(0);
  });
});

test.concurrent("undrain and weight ask for it and tell the answer", async () => {
  await withDaemon(async (ask, daemon) => {
    expect(await ask("undrain", "apache/srv2")).toEqual({ code: 0, out: "done\n", err: "" });
    expect((await ask("weight", "srv2", "30")).code).toBe(0);
    expect((await ask("weight", "srv2", "file")).code).toBe(0);
    expect(daemon.asked).toEqual([
      { member: "apache/srv2", on: false, force: false },
      { member: "srv2", weight: 30 },
      { member: "srv2", weight: undefined },
    ]);
    const wrong = await Promise.all(["257", "-1", "many", "1.5"].map((weight) => ask("weight", "srv2", weight)));
    expect(wrong.map(({ code }) => code)).toEqual([2, 2, 2, 2]);
  });
});

test.concurrent("standby tells how its members drain, and with --wait returns when they are done", async () => {
  await withDaemon(async (ask, daemon) => {
    let sessions = 2;
    daemon.pools = () => {
      const members = [memberView("srv1"), memberView("srv2", { drain: "standby", sessions })];
      const pools = [poolView("apache", members)];
      return poolsAnswer({ srv1: balancerView("srv1", pools) });
    };
    daemon.answer = { ok: true, node: "srv1", detail: "srv2 is in standby" };
    expect(await ask("standby", "srv2")).toEqual({
      code: 0,
      out: "srv2 is in standby\napache/srv2: draining, 2 sessions remain\n",
      err: "",
    });
    sessions = 0;
    const waited = await ask("standby", "srv2", "--wait", "--quiet", "200ms");
    expect([waited.code, waited.out]).toEqual([0, expect.stringMatching(/apache\/srv2: nothing remains\n$/)]);
    expect(daemon.asked).toEqual([
      { verb: "standby", node: "srv2" },
      { verb: "standby", node: "srv2" },
    ]);
  });
});

test.concurrent("standby says which member goes on because nobody else could, and nothing without a balancer", async () => {
  await withDaemon(async (ask, daemon) => {
    const pools = [poolView("apache", [memberView("srv2")])];
    daemon.pools = () => poolsAnswer({ srv1: balancerView("srv1", pools) });
    expect((await ask("standby", "srv2")).out).toBe(
      "done\napache/srv2: still taking new visitors, because nobody else of the pool could\n",
    );
    daemon.balancer = undefined;
    expect(await ask("standby", "srv2")).toEqual({ code: 0, out: "done\n", err: "" });
  });
});

test.concurrent("reload tells what changed and waits for the daemon's next self", async () => {
  await withDaemon(async (ask, daemon) => {
    expect((await ask("reload")).out).toBe("nothing changed: the file means what runs already\n");
    daemon.reloaded = { ok: true, node: "srv1", how: ["groups: by a restart"], restarts: true, problems: [] };
    const { code, out } = await ask("reload");
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(/^groups: by a restart\nthe daemon's next self answers after \d+ ms/),
    ]);
    const problem = { code: "CONFIG_UNKNOWN_KEY", severity: "error", message: "groups has no setting" } as const;
    daemon.reloaded = { ok: false, problems: [problem] };
    expect(await ask("reload")).toMatchObject({ code: 1, out: "", err: expect.stringContaining("CONFIG_UNKNOWN_KEY") });
  });
});

test.concurrent("pools shows one pool or all, as text and as JSON", async () => {
  await withDaemon(async (ask) => {
    expect((await ask("pools")).out).toContain("apache/srv2");
    const { out } = await ask("pools", "apache", "--json");
    expect(JSON.parse(out)).toMatchObject({ nodes: [{ view: { pools: [{ pool: "apache" }] } }, {}] });
    const wrong = await ask("pools", "apach");
    expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining('did you mean "apache"?')]);
  });
});
