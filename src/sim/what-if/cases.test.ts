/**
 * Golden cases: a script for an example's cluster, and what the cluster does. `UPDATE_CASES=1` rewrites the
 * transcripts, which are then to be read as carefully as code; times and epochs are shown but not compared.
 *
 *   === title
 *   config examples/two-nodes.yaml
 *   the script, as many lines as it has
 *   ---
 *   the transcript
 */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { showSimulation } from "../../cli/show-simulation.ts";
import { parseCluster } from "../../core/config/parse.ts";
import { gatewaysOf } from "./gateways.ts";
import { parseScript } from "./parse-script.ts";
import { playScript } from "./play.ts";
import { playRuns } from "./runs.ts";
import type { Simulation } from "./simulation.ts";
import { essence } from "./transcript.fixture.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const folder = fileURLToPath(new URL("cases/", import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith(".txt"));

function optionsFor(config: string, text: string, seed = 1) {
  const parsed = parseCluster(readFileSync(root + config, "utf8"), config);
  if (!parsed.ok) throw new Error(`${config} has errors`);
  const gateways = gatewaysOf(parsed.value.config).map(({ addresses }) => addresses);
  const script = parseScript(text, { file: "script", config: parsed.value.config, gateways });
  if (!script.ok) throw new Error(script.problems.map(({ at, message }) => `${at?.line}: ${message}`).join("\n"));
  return { config: parsed.value.config, gateways, script: script.value, seed };
}

function play(config: string, text: string, seed = 1): Simulation {
  return playScript(optionsFor(config, text, seed));
}

interface Case {
  readonly title: string;
  readonly config: string;
  readonly script: string;
  readonly transcript: string;
}

function readCases(name: string): Case[] {
  return readFileSync(folder + name, "utf8")
    .split(/^=== /m)
    .slice(1)
    .map((text) => {
      const [title = "", config = "", ...rest] = text.split("\n");
      const end = rest.includes("---") ? rest.indexOf("---") : rest.length;
      const script = rest.slice(0, end).join("\n").trimEnd();
      return {
        title,
        config: config.replace(/^config /, ""),
        script,
        transcript: rest
          .slice(end + 1)
          .join("\n")
          .trimEnd(),
      };
    });
}

for (const name of files) {
  if (process.env["UPDATE_CASES"] === "1") {
    const played = readCases(name).map(
      ({ title, config, script }) =>
        `=== ${title}\nconfig ${config}\n${script}\n---\n${showSimulation(play(config, script))}\n`,
    );
    writeFileSync(folder + name, played.join("\n"));
  }
  for (const { title, config, script, transcript } of readCases(name)) {
    test(`${name}: ${title}`, () => {
      const simulation = play(config, script);
      expect(essence(showSimulation(simulation))).toBe(essence(transcript));
      expect(simulation.expectations.filter(({ isMet }) => !isMet)).toEqual([]);
    });
  }
}

test("there are cases", () => {
  expect(files.flatMap(readCases).length).toBeGreaterThan(9);
});

const SCRIPT = "loss eth1 20%; power srv1 for 4s; wait 2s; cut srv2:eth0; wait 6s; heal all";

test("the same seed gives the same text, another seed other times", () => {
  const text = showSimulation(play("examples/two-nodes.yaml", SCRIPT, 7));
  expect(showSimulation(play("examples/two-nodes.yaml", SCRIPT, 7))).toBe(text);
  expect(showSimulation(play("examples/two-nodes.yaml", SCRIPT, 8))).not.toBe(text);
});

test("many runs tell the spread of the longest gap, and where each group ended", () => {
  const runs = playRuns(optionsFor("examples/two-nodes.yaml", "power srv1; wait 1s; expect www on srv2"), 8);
  const [spread] = runs.spread;
  expect(spread?.minMs).toBeGreaterThan(100);
  expect(spread?.medianMs).toBeGreaterThanOrEqual(spread?.minMs ?? 0);
  expect(spread?.maxMs).toBeGreaterThanOrEqual(spread?.medianMs ?? 0);
  expect(spread?.maxMs).toBeLessThan(400);
  expect(runs.outcomes).toEqual([{ group: "www", on: ["srv2"], runs: 8 }]);
  expect(runs.expectations).toMatchObject([{ met: 8, failedSeeds: [] }]);
  expect([runs.broken, runs.brokenSeeds]).toEqual([0, []]);
});

test("an expectation that is not met says what was seen instead, and where it stands", () => {
  const { expectations } = play(
    "examples/two-nodes.yaml",
    "power srv1\nwait 50ms; expect www on srv2\nexpect www nowhere",
  );
  expect(expectations).toMatchObject([
    { isMet: false, seen: "www is nowhere", at: { line: 2, column: 12 } },
    { isMet: true },
  ]);
});

test("a machine whose clocks stood still gives its address up when it comes back", () => {
  const { end, moves } = play("examples/two-nodes.yaml", "pause srv1 for 2s; wait 3s");
  expect(end).toMatchObject([{ group: "www", on: ["srv2"] }]);
  expect(moves.map(({ from, to }) => `${from} to ${to}`)).toEqual(["srv1 to srv2"]);
});

test("a failback that is minutes away is told, and played when asked for", () => {
  const options = optionsFor("examples/three-nodes-ipv6.yaml", "power node1 for 1s");
  const soon = playScript(options);
  expect(soon.isSettled).toBe(true);
  expect(soon.end[0]).toMatchObject({ group: "front", on: ["node2"] });
  expect(soon.end[0]?.pending["failback"]).toBeGreaterThan(500_000);
  const late = playScript({ ...options, untilMs: 620_000 });
  expect(late.end[0]).toMatchObject({ group: "front", on: ["node1"], pending: {} });
  expect(late.untilMs).toBe(620_000);
});

test("what goes on for ever is not called settled", () => {
  const { isSettled, untilMs } = play("examples/two-nodes.yaml", "loss eth1 60%");
  expect(isSettled).toBe(false);
  expect(untilMs).toBeLessThan(61_000);
});

test("a start that hangs is waited for, as long as its time limit says", () => {
  const { isSettled, untilMs, end } = play(
    "examples/service.yaml",
    "service queue1 queue/queue hangs-in-start; service queue1 queue/queue dies",
  );
  expect(isSettled).toBe(true);
  expect(untilMs).toBeGreaterThan(40_000);
  expect(end).toMatchObject([{ group: "queue", on: ["queue2"] }]);
});

test("where the file names no gateway, one is assumed on the wires of VIPs and on no other", () => {
  const text =
    "cluster: c\nnodes: { a: { address: 192.0.2.1, links: [10.0.0.1] }, b: { address: 192.0.2.2, links: [10.0.0.2] } }\n";
  const parsed = parseCluster(`${text}groups: { www: { resources: [{ vip: 192.0.2.10/24 }] } }\n`, "c.yaml");
  if (!parsed.ok) throw new Error("the file has errors");
  expect(gatewaysOf(parsed.value.config)).toEqual([
    { link: 0, addresses: ["192.0.2.3"], isAssumed: true },
    { link: 1, addresses: [], isAssumed: false },
  ]);
});

test("sixteen nodes are told in few lines", () => {
  const nodes = Array.from(
    { length: 16 },
    (_, i) => `n${i}: { address: 192.0.2.${11 + i}, links: [10.0.0.${11 + i}] }`,
  );
  const text = `cluster: c\nnodes: { ${nodes.join(", ")} }\ngroups: { www: { resources: [{ vip: 192.0.2.10/24 }] } }\n`;
  const parsed = parseCluster(text, "c.yaml");
  if (!parsed.ok) throw new Error("the file has errors");
  const gateways = gatewaysOf(parsed.value.config).map(({ addresses }) => addresses);
  const script = parseScript("power n0", { file: "script", config: parsed.value.config, gateways });
  if (!script.ok) throw new Error("the script has errors");
  const { entries, end } = playScript({ config: parsed.value.config, gateways, script: script.value, seed: 1 });
  expect(end).toMatchObject([{ on: ["n1"] }]);
  expect(entries.length).toBeLessThan(15);
  expect(entries.find(({ reason }) => reason === "PEER_DEAD")?.by.length).toBe(15);
});
