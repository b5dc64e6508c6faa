/** Each checker must catch a core that breaks its promise on purpose; a checker that catches nothing proves nothing. */

import { expect, test } from "vitest";
import { after, NEVER, type Instant } from "../../core/base/time.ts";
import type { ClusterConfig, VipConfig } from "../../core/config/cluster.ts";
import type { Frame, GroupReport } from "../../core/membership/frame.ts";
import type { Effect } from "../../core/node/effects.ts";
import type { Input } from "../../core/node/inputs.ts";
import { Node } from "../../core/node/node.ts";
import type { NodeView } from "../../core/node/view.ts";
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
const caughtBy = (makeCore: MakeCore, mix: "calm" | "power" = "calm") =>
  runOnce({ seed: 1, makeCore, nodes: 2, seconds: 5, mix }).violations.map((violation) => violation.checker);

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

test("an address that moves or closes without need is caught", () => {
  const wandering = scripted((life, input) => {
    const isMine = life.turns % 40 < 20 === (life.me === "srv1");
    return isMine ? serveOnAnswer(life, input) : [];
  });
  expect(caughtBy(wandering)).toContain("needless moves");
});

test("a takeover that takes seconds is caught", () => {
  const holder = scripted((life, input) => (life.me === "srv1" ? serveOnAnswer(life, input) : []));
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
