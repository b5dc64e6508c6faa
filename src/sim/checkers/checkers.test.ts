/** Each checker must catch a core that breaks its promise on purpose; a checker that catches nothing proves nothing. */

import { expect, test } from "vitest";
import { after, NEVER, type Instant } from "../../core/base/time.ts";
import type { ClusterConfig, VipConfig } from "../../core/config/cluster.ts";
import type { Frame, GroupReport } from "../../core/membership/frame.ts";
import type { Effect } from "../../core/node/effects.ts";
import type { Input } from "../../core/node/inputs.ts";
import { Node } from "../../core/node/node.ts";
import type { NodeView } from "../../core/node/view.ts";
import type { Reason } from "../../core/node/reasons.ts";
import type { Fault } from "../faults/fault.ts";
import { gatewayAddress } from "../cluster.ts";
import type { MakeCore } from "../process.ts";
import { runOnce, runSeed } from "../run.ts";

interface Life {
  readonly config: ClusterConfig;
  readonly me: string;
  readonly vips: readonly VipConfig[];
  turns: number;
  incarnation: string;
}

/** A core of a few lines: it asks its gateway, and the script adds what it does in every turn of 50 ms. */
function scripted(script: (life: Life, input: Input) => Effect[]): MakeCore {
  return ({ config, node }) => {
    const vips = config.groups.flatMap((group) => group.resources.filter((resource) => resource.kind === "vip"));
    const life: Life = { config, me: node, vips, turns: 0, incarnation: "" };
    return {
      step: (input) => {
        if (input.kind === "start") life.incarnation = input.incarnation;
        if (input.kind === "tick") life.turns++;
        const ask: Effect[] =
          input.kind === "tick"
            ? [{ kind: "ask", link: 0, probe: "arp", address: gatewayAddress(0), mac: undefined }]
            : [];
        return { effects: [...ask, ...script(life, input)], wakeAt: after(input.now, 50) };
      },
      view: () => ({ groups: [] }) as unknown as NodeView,
    };
  };
}

/** Serves within the evidence of a gateway's answer. */
function serveOnAnswer(life: Life, input: Input): Effect[] {
  if (input.kind !== "answer") return [];
  return [{ kind: "open", vips: life.vips, until: after(input.sentAt, life.config.lease.evidenceMs) }];
}

function frameOf(life: Life, options: { epoch: number; role: GroupReport["role"]; to: string }): Effect {
  const group = {
    name: life.config.groups[0]?.name ?? "",
    epoch: options.epoch,
    holder: life.me,
    granted: 0,
    role: options.role,
  };
  const rest = { leaseMs: 0, eligible: true, reason: "", soft: true, to: undefined, seen: undefined };
  const frame: Frame = {
    version: 2,
    speaks: 2,
    kind: "beat",
    node: life.me,
    incarnation: life.incarnation,
    sequence: life.turns,
    link: 0,
    config: "0123456789abcdef",
    mode: "online",
    restartMs: 0,
    heard: [],
    groups: [{ ...group, ...rest }],
    reach: [2],
    claims: [],
    claimAnswers: [],
    wishes: [],
  };
  return { kind: "send", to: options.to, frame };
}

const other = (life: Life) => life.config.nodes.find((node) => node.name !== life.me)?.name ?? "";

/** The drawn file without services: a run ends with its first violation, and starting them is another checker's business. */
function onlyAddresses(config: ClusterConfig): ClusterConfig {
  const groups = config.groups.map((group) => ({
    ...group,
    resources: group.resources.filter((resource) => resource.kind === "vip"),
  }));
  return { ...config, groups };
}

function caughtBy(makeCore: MakeCore, mix: "calm" | "power" = "calm", faults?: readonly Fault[]): string[] {
  const more = faults === undefined ? { mix } : { mix: "chaos" as const, faults };
  const report = runOnce({ seed: 1, makeCore, nodes: 2, seconds: 5, adapt: onlyAddresses, ...more });
  return report.violations.map((violation) => violation.checker);
}

/** A word for whatever a scripted core does, so that only what a test is about is left to complain of. */
function told(life: Life, reason: Reason): Effect {
  const group = life.config.groups[0]?.name ?? "";
  const facts = { node: life.me, group, epoch: 1, because: "the script says so", to: "another" };
  // Of no group, so that it speaks of every group of the file.
  const event = { severity: "info" as const, reason, group: undefined, node: life.me, link: undefined, facts };
  return { kind: "event", event: { at: 0 as Instant, ...event } };
}

test("two nodes that both open their gates are caught", () => {
  expect(caughtBy(scripted(serveOnAnswer))).toContain("one holder");
});

test("a gate that is opened without evidence, or for longer than it lasts, is caught", () => {
  const without = scripted((life, input) =>
    life.me === "srv1" && input.kind === "start"
      ? [{ kind: "open", vips: life.vips, until: after(input.now, 100) }]
      : [],
  );
  expect(caughtBy(without)).toContain("inside the lease");
  const longer = scripted((life, input) =>
    life.me === "srv1" && input.kind === "answer"
      ? [{ kind: "open", vips: life.vips, until: after(input.sentAt, life.config.lease.evidenceMs + 60) }]
      : [],
  );
  expect(caughtBy(longer)).toContain("inside the lease");
});

test("two nodes that hold one epoch, and an epoch that shrinks, are caught", () => {
  const shared = scripted((life, input) =>
    input.kind === "tick" ? [frameOf(life, { epoch: 7, role: "holding", to: other(life) })] : [],
  );
  expect(caughtBy(shared)).toContain("epochs");
  const shrinking = scripted((life, input) =>
    input.kind === "tick" ? [frameOf(life, { epoch: 100 - life.turns, role: "idle", to: other(life) })] : [],
  );
  expect(caughtBy(shrinking)).toContain("epochs");
});

test("a cluster that serves nothing is caught", () => {
  expect(caughtBy(scripted(() => []))).toContain("served after healing");
});

test("a gate that opens and no event says why, an unknown word and a missing fact are caught", () => {
  const silent = scripted((life, input) => (life.me === "srv1" ? serveOnAnswer(life, input) : []));
  expect(caughtBy(silent)).toContain("reasons");
  const vague = scripted((life, input) => {
    const event = told(life, "GROUP_TAKEN") as Extract<Effect, { kind: "event" }>;
    return input.kind === "start" ? [{ ...event, event: { ...event.event, facts: {} } }] : [];
  });
  expect(caughtBy(vague)).toContain("reasons");
  const odd = scripted((life, input) => (input.kind === "start" ? [told(life, "BECAUSE" as Reason)] : []));
  expect(caughtBy(odd)).toContain("reasons");
});

test("a group that goes to and fro after one fault is caught", () => {
  const wandering = scripted((life, input) => {
    const isMine = life.turns % 40 < 20 === (life.me === "srv1");
    return isMine ? [told(life, "GROUP_TAKEN"), told(life, "GROUP_MOVING"), ...serveOnAnswer(life, input)] : [];
  });
  const fault: Fault = { at: 2_000, forMs: 100, action: { kind: "monitor", node: 0 } };
  expect(caughtBy(wandering, "calm", [fault])).toContain("flapping");
});

test("a group that nobody serves although a node is well and nothing happens is caught", () => {
  const idle = scripted((life, input) => {
    if (input.kind === "start") return [told(life, "GROUP_TAKEN")];
    return input.kind === "tick" ? [frameOf(life, { epoch: 1, role: "idle", to: other(life) })] : [];
  });
  const fault: Fault = { at: 1_600, forMs: 20, action: { kind: "monitor", node: 0 } };
  const report = runOnce({
    seed: 1,
    makeCore: idle,
    nodes: 2,
    seconds: 20,
    adapt: onlyAddresses,
    mix: "chaos",
    faults: [fault],
  });
  expect(report.violations.map((violation) => violation.checker)).toContain("served meanwhile");
});

test("a machine that serves on for longer than a lease after its clock stood still is caught", () => {
  // It takes the group from a machine that stands still, which then goes on as if nothing had happened.
  const greedy = scripted((life, input) => {
    if (life.me === "srv1" && life.turns < 40) return [told(life, "GROUP_TAKEN"), ...serveOnAnswer(life, input)];
    return life.me === "srv2" && life.turns >= 40 ? [told(life, "GROUP_TAKEN"), ...serveOnAnswer(life, input)] : [];
  });
  const fault: Fault = { at: 1_800, forMs: 1_500, action: { kind: "migrate", node: 0, room: 0 } };
  expect(caughtBy(greedy, "calm", [fault])).toContain("one holder");
});

test("an address that moves or closes without need is caught", () => {
  const wandering = scripted((life, input) => {
    const isMine = life.turns % 40 < 20 === (life.me === "srv1");
    return isMine ? serveOnAnswer(life, input) : [];
  });
  expect(caughtBy(wandering)).toContain("needless moves");
});

test("a takeover that takes seconds is caught", () => {
  const holder = scripted((life, input) =>
    life.me === "srv1" ? [told(life, "GROUP_TAKEN"), told(life, "GROUP_LAPSED"), ...serveOnAnswer(life, input)] : [],
  );
  expect(caughtBy(holder, "power")).toContain("prompt takeover");
});

test("a core that throws, spins or runs by chance is caught", () => {
  const throwing = scripted(() => {
    throw new Error("on purpose");
  });
  expect(caughtBy(throwing)).toContain("crash");
  const spinning: MakeCore = () => ({
    step: (input) => ({ effects: [], wakeAt: input.now }),
    view: () => ({ groups: [] }) as unknown as NodeView,
  });
  expect(caughtBy(spinning)).toContain("spin");
  const chancy: MakeCore = () => ({
    step: (input) => ({ effects: [], wakeAt: (input.now + 10 + Math.random()) as Instant }),
    view: () => ({ groups: [] }) as unknown as NodeView,
  });
  const report = runSeed({ seed: 1, makeCore: chancy, nodes: 2, seconds: 5, mix: "calm" });
  expect(report.violations.map((violation) => violation.checker)).toContain("determinism");
});

test("a core that depends on more than its state and its inputs is caught when it is run again", () => {
  const forgetful: MakeCore = (options) => {
    const node = new Node(options);
    const step = node.step.bind(node);
    const value = (input: Input) => {
      const { effects, wakeAt } = step(input);
      return {
        effects: effects.filter((effect) => effect.kind !== "event" || effect.event.reason !== "LINK_UP"),
        wakeAt,
      };
    };
    return Object.defineProperty(node, "step", { value });
  };
  const seeds = Array.from({ length: 40 }, (_, index) => index + 1);
  const caught = seeds.filter((seed) =>
    runOnce({ seed, makeCore: forgetful, nodes: 2, seconds: 2, mix: "calm" }).violations.some(
      ({ checker }) => checker === "replay",
    ),
  );
  expect(caught.length).toBeGreaterThan(0);
});

test("a core that does nothing wrong passes every check but the one about serving", () => {
  const lazy: MakeCore = () => ({
    step: () => ({ effects: [], wakeAt: NEVER }),
    view: () => ({ groups: [] }) as unknown as NodeView,
  });
  expect(new Set(caughtBy(lazy))).toEqual(new Set(["served after healing"]));
});
