/** The checker of services must catch each way in which services can run in the wrong place or at the wrong time. */

import { expect, test } from "vitest";
import { after } from "../../core/base/time.ts";
import type { ClusterConfig, VipConfig } from "../../core/config/cluster.ts";
import type { Effect, RunEffect } from "../../core/node/effects.ts";
import type { Input } from "../../core/node/inputs.ts";
import type { NodeView } from "../../core/node/view.ts";
import { gatewayAddress } from "../cluster.ts";
import { APP } from "../fixtures/app.ts";
import { plainLayout } from "../layout.ts";
import { runOnce } from "../run.ts";

/** One group with one IPv4 address and one program. */
function withApp(config: ClusterConfig): ClusterConfig {
  const [group] = config.groups;
  if (group === undefined) throw new Error("a drawn cluster has a group");
  const vip: VipConfig = {
    kind: "vip",
    id: "www/10.0.0.100",
    address: "10.0.0.100",
    family: 4,
    prefixLength: 24,
    link: 0,
    device: undefined,
    gateways: [gatewayAddress(0)],
  };
  return { ...config, groups: [{ ...group, name: "www", resources: [vip, APP] }] };
}

interface Turn {
  readonly me: string;
  readonly number: number;
  readonly input: Input;
  readonly vips: readonly VipConfig[];
}

function start(id: number): RunEffect {
  return { kind: "run", id, group: "www", resource: "www/app", action: "start", command: APP.start };
}

/** What "services" says of cores that ask the gateway and do what the script says, 50 ms a turn. */
function complaintsAbout(script: (turn: Turn) => Effect[]): string[] {
  const report = runOnce({
    seed: 1,
    nodes: 2,
    links: 1,
    seconds: 4,
    mix: "calm",
    layouts: [plainLayout(2)],
    adapt: withApp,
    faults: [],
    makeCore: ({ config, node }) => {
      const vips = config.groups[0]?.resources.filter((resource) => resource.kind === "vip") ?? [];
      let number = 0;
      return {
        step: (input) => {
          if (input.kind === "tick") number++;
          const effects = script({ me: node, number: input.kind === "tick" ? number : 0, input, vips });
          const question: Effect = { kind: "ask", link: 0, probe: "arp", address: gatewayAddress(0), mac: undefined };
          return { effects: [...(input.kind === "tick" ? [question] : []), ...effects], wakeAt: after(input.now, 50) };
        },
        view: () => ({ groups: [] }) as unknown as NodeView,
      };
    },
  });
  return report.violations.flatMap(({ checker, text }) => (checker === "services" ? [text] : []));
}

function open({ input, vips }: Turn): Effect[] {
  return input.kind === "answer" ? [{ kind: "open", vips, until: after(input.sentAt, 100) }] : [];
}

test("an action that begins while another of the same service runs is caught", () => {
  const twice = (turn: Turn): Effect[] => (turn.me === "srv1" && turn.number === 3 ? [start(1), start(2)] : []);
  expect(complaintsAbout(twice)[0]).toContain("begins while another action of it runs");
});

test("a gate that opens before the services were started is caught", () => {
  const early = (turn: Turn): Effect[] => (turn.me === "srv1" ? open(turn) : []);
  expect(complaintsAbout(early)[0]).toContain("opens www/10.0.0.100 before www/app was started");
});

test("a start beside a machine that serves is caught", () => {
  let isStarted = false;
  const second = (turn: Turn): Effect[] => {
    if (turn.me === "srv2") return turn.number === 20 ? [start(1)] : [];
    if (turn.input.kind === "resource-result") isStarted = true;
    if (turn.number === 2) return [start(1)];
    return isStarted ? open(turn) : [];
  };
  expect(complaintsAbout(second)[0]).toContain("starts on srv2 while it runs on srv1, which serves www/10.0.0.100");
});

test("one start, and a gate that opens after it, are no complaint", () => {
  let isStarted = false;
  const right = (turn: Turn): Effect[] => {
    if (turn.me !== "srv1") return [];
    if (turn.input.kind === "resource-result") isStarted = true;
    if (turn.number === 2) return [start(1)];
    return isStarted ? open(turn) : [];
  };
  expect(complaintsAbout(right)).toEqual([]);
});
