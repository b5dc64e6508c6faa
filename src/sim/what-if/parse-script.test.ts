/** Scripts as people write them, right and wrong. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_SCRIPT_STATEMENTS } from "../../core/base/limits.ts";
import type { Problem } from "../../core/base/report.ts";
import type { ClusterConfig } from "../../core/config/cluster.ts";
import { parseCluster } from "../../core/config/parse.ts";
import { gatewaysOf } from "./gateways.ts";
import { parseScript } from "./parse-script.ts";
import type { Action } from "./statement.ts";
import { OTHER_WORDS, SCRIPT_VERBS } from "./verbs.ts";

const FILE = `
cluster: test
nodes:
  srv1: { address: 192.0.2.11, links: [10.0.0.11, "2001:db8::11"] }
  srv2: { address: 192.0.2.12, links: [10.0.0.12, "2001:db8::12"] }
  srv3: { address: 192.0.2.13, links: [10.0.0.13, "2001:db8::13"] }
gateways: [192.0.2.1]
groups:
  www:
    prefer: [srv1, srv2]
    requires: [web]
    resources:
      - vip: { address: 192.0.2.10/24, device: ens3 }
      - service: { name: app, start: [/a, b], stop: [/a, c] }
      - vip: { address: "2001:db8::10/64", link: 2, device: ens3 }
monitors:
  web: { http: "http://{address}/" }
everywhere:
  - service: { name: nginx, start: [/a, b], stop: [/a, c] }
`;

function clusterOf(text: string): ClusterConfig {
  const parsed = parseCluster(text, "cluster.yaml");
  if (!parsed.ok) throw new Error(parsed.problems.map(({ message }) => message).join("\n"));
  return parsed.value.config;
}

const config = clusterOf(FILE);
const gateways = gatewaysOf(config).map(({ addresses }) => addresses);

function read(text: string) {
  return parseScript(text, { file: "script", config, gateways });
}

function actions(text: string): Action[] {
  const result = read(text);
  expect(result.problems).toEqual([]);
  return result.ok ? result.value.statements.map(({ action }) => action) : [];
}

function problems(text: string): readonly Problem[] {
  const result = read(text);
  expect(result.ok, text).toBe(false);
  return result.problems;
}

/** The only problem: its code, its place, and the text that it points at. */
function complaint(text: string): string {
  const found = problems(text);
  expect(found.length, found.map(({ message }) => message).join("\n")).toBe(1);
  const [{ code, at, message, nearest, next, expected } = {} as Problem] = found;
  const pointed = at === undefined ? "" : at.text.slice(at.column - 1, at.column - 1 + at.length);
  const hints = [nearest && `nearest ${nearest}`, expected && `expected ${expected}`, next && `next ${next}`];
  return [
    `${at?.line}:${at?.column} ${code} "${pointed}" ${message}`,
    ...hints.filter((hint) => hint !== undefined),
  ].join(" | ");
}

test("statements are separated by semicolons and new lines, and remarks are skipped", () => {
  const text = "power srv1 for 10s; wait 500ms # short\n\n;;# nothing\r\nheal all;";
  expect(actions(text)).toEqual([
    { kind: "trouble", trouble: { kind: "power", node: 0, forMs: 10_000 } },
    { kind: "wait", ms: 500 },
    { kind: "remedy", remedy: { kind: "heal", what: "all" } },
  ]);
});

test("a link has many names: number, device, and the node's own address", () => {
  const linksOf = (text: string) => {
    const [action] = actions(text);
    return action?.kind === "trouble" && action.trouble.kind === "cut" ? action.trouble.links : undefined;
  };
  for (const word of ["srv2:1", "srv2:link1", "srv2:eth1", "srv2:10.0.0.12"])
    expect(linksOf(`cut ${word}`), word).toEqual([1]);
  expect(linksOf("cut srv2:2001:DB8:0::12")).toEqual([2]);
  // One device carries both: its cable is cut for both.
  expect(linksOf("cut srv2:ens3 in")).toEqual([0, 2]);
  expect(linksOf("cut srv2")).toEqual([0, 1, 2]);
});

test("somebody else's address is no link of a node", () => {
  expect(complaint("cut srv2:10.0.0.11")).toContain('1:10 SCRIPT_UNKNOWN_LINK "10.0.0.11" srv2 has no link');
});

test("a split places everybody, whoever is not named in the first part", () => {
  const [action] = actions("split link0 srv3, clients | srv2,gateway for 2s");
  expect(action).toEqual({
    kind: "trouble",
    trouble: {
      kind: "split",
      links: [0],
      parts: [
        [2, "clients", 0],
        [1, "gateway"],
      ],
      forMs: 2_000,
    },
  });
});

test("an operator's commands are those of the command line", () => {
  const verbs = actions(
    "switch www srv2; switch www --to srv1; standby srv1; online srv1; clear www; maintenance on; restart srv3",
  );
  expect(verbs.map((action) => (action.kind === "request" ? action.verb : action))).toEqual([
    { verb: "switch", group: "www", to: "srv2" },
    { verb: "switch", group: "www", to: "srv1" },
    { verb: "standby", node: "srv1" },
    { verb: "online", node: "srv1" },
    { verb: "clear", group: "www" },
    { verb: "maintenance", on: true },
    { verb: "restart" },
  ]);
});

test.each([
  [
    "powr srv1",
    '1:1 SCRIPT_UNKNOWN_VERB "powr" there is no verb "powr" | nearest power | next write power NODE [for TIME]',
  ],
  ["power srv", '1:7 SCRIPT_UNKNOWN_NODE "srv" there is no node "srv" | nearest srv1'],
  ["power-off srv1", "nearest power"],
  ["wait 5", '1:6 SCRIPT_BAD_DURATION "5" 5 has no unit'],
  ["wait -5s", '1:6 SCRIPT_BAD_DURATION "-5s" -5s goes back in time'],
  ["wait 0s", '"0s" 0s is no time at all'],
  ["wait 400d", "longer than a script may last | expected at most 1h"],
  ["wait", '1:1 SCRIPT_MISSING_WORD "wait" a duration like 5s is missing here | next write wait TIME'],
  ["pause srv1", "SCRIPT_MISSING_WORD"],
  ["migrate srv1", "nearest pause"],
  ["power srv1 now", '1:12 SCRIPT_EXTRA_WORD "now" "now" is one word too many'],
  ["cut srv1:eth7", 'SCRIPT_UNKNOWN_LINK "eth7" srv1 has no link "eth7" | nearest eth1'],
  ["loss eth1 120%", "SCRIPT_BAD_SHARE"],
  ["loss eth1 lots", "SCRIPT_BAD_SHARE"],
  ["split eth1 srv1", "SCRIPT_BAD_SPLIT"],
  ["split eth1 srv1|", "SCRIPT_BAD_SPLIT"],
  ["split eth1 srv1,srv2|srv1", '1:22 SCRIPT_BAD_SPLIT "srv1" srv1 stands in two places'],
  ["split eth1 srv1|srv9", '1:17 SCRIPT_UNKNOWN_NODE "srv9"'],
  ["gateway ens3 off", "expected down, up | next write gateway LINK down|up [for TIME]"],
  ["monitor srv1 wbe down", '1:14 SCRIPT_UNKNOWN_MONITOR "wbe" there is no monitor "wbe" | nearest web | expected web'],
  ["service srv1 www/ap dies", "nearest www/app"],
  ["service srv1 everywhere/nginx dies", "services that run everywhere move nothing"],
  ["switch mail srv1", "SCRIPT_UNKNOWN_GROUP"],
  ["expect www on srv3", "SCRIPT_IMPOSSIBLE"],
  ["expect www maybe", "expected on, nowhere, gap"],
  ["maintenance", "SCRIPT_MISSING_WORD"],
])("%s is refused where it is wrong", (text, told) => {
  expect(complaint(text)).toContain(told);
});

test.each([
  ["boot srv1", "srv1 has power already"],
  ["power srv1; power srv1", "srv1 has no power"],
  ["power srv1 for 10s; wait 4s; kill srv1", "srv1 has no power for another 6s"],
  ["power srv1 for 10s; wait 10s; boot srv1", "srv1 has power already"],
  ["power srv1; start srv1", "srv1 has no power"],
  ["start srv1", "srv1's daemon runs already"],
  ["kill srv1; freeze srv1", "srv1's daemon does not run"],
  ["thaw srv1", "not frozen"],
  ["freeze srv1; restart srv1", "srv1's daemon is frozen"],
  ["heal all", "nothing is broken"],
  ["cut srv1:eth1; heal srv1:ens3", "nothing is broken there"],
  ["cut srv1; heal srv2", "nothing is broken there"],
  ["cut srv1:eth1; cut srv1:eth1 in", "it is so already"],
  ["loss eth1 0%", "nothing is lost there"],
  ["gateway eth1 down", "no gateway is known on eth1 (link 1)"],
  ["gateway link0 up", "the gateway is up already"],
  ["monitor srv1 web up", "web is up on srv1 already"],
  ["service srv1 www/app works", "www/app works on srv1 already"],
  ["pause srv1 for 5s; heal all", "nothing is broken"],
  ["suspend srv1 for 5s; wait 1s; pause srv1 for 1s", "it is so already"],
  ["power srv1; power srv2; power srv3; switch www srv1", "no daemon runs that could be asked to switch"],
])("%s is impossible", (text, told) => {
  const line = complaint(text);
  expect(line).toContain("SCRIPT_IMPOSSIBLE");
  expect(line).toContain(told);
});

test.each([
  "power srv1 for 10s; wait 5s; boot srv1; wait 1s; power srv1",
  "freeze srv1; kill srv1; start srv1; freeze srv1; thaw srv1",
  "cut srv1:eth1 in; cut srv1; heal srv1",
  "kill srv1; power srv1; boot srv1; kill srv1",
  "loss eth1 5%; loss eth1 50%; loss eth1 0%; delay ens3 5ms; delay ens3 none",
  "gateway ens3 down; gateway link0 up",
  "power srv1; power srv2; power srv3; heal all",
  "split link1 srv1|srv2; heal link1",
])("%s can be", (text) => {
  actions(text);
});

test("all mistakes come at once, in the order of the text", () => {
  const found = problems("powr srv1\nwait 5\n  cut srv2:eth9; boot srv1\nexpect www on srv1 or srv2");
  expect(found.map(({ code, at }) => `${at?.line}:${at?.column} ${code}`)).toEqual([
    "1:1 SCRIPT_UNKNOWN_VERB",
    "2:6 SCRIPT_BAD_DURATION",
    "3:12 SCRIPT_UNKNOWN_LINK",
    "3:18 SCRIPT_IMPOSSIBLE",
    "4:20 SCRIPT_EXTRA_WORD",
  ]);
});

test("an empty script, too many statements and too much time are refused with their limits", () => {
  expect(complaint(" ; # nothing\n")).toContain("SCRIPT_EMPTY");
  expect(complaint("wait 1ms;".repeat(MAX_SCRIPT_STATEMENTS + 1))).toContain("SCRIPT_TOO_MANY");
  expect(complaint("wait 40m\nwait 20m\nwait 1ms\nwait 1h")).toContain("3:1 SCRIPT_TOO_LONG");
  expect(complaint("#".repeat(300_000))).toContain("SCRIPT_TOO_LONG");
});

test("a thousand mistakes are told as fifty and a number", () => {
  const found = problems("boo srv1\n".repeat(1_000));
  expect(found.length).toBe(51);
  expect(found.at(-1)?.message).toBe("and 950 more problems");
});

test("words of other tools lead to a verb that exists, and no verb is one of them", () => {
  for (const [word, verb] of Object.entries(OTHER_WORDS)) {
    expect(SCRIPT_VERBS, word).toHaveProperty(verb);
    expect(SCRIPT_VERBS).not.toHaveProperty([word]);
  }
});

/** Every verb's own usage line begins with it, so that a message tells the truth. */
test("the usage of a verb begins with the verb", () => {
  for (const [verb, { usage }] of Object.entries(SCRIPT_VERBS)) expect(usage.split(" ")[0]).toBe(verb);
});

function isInside(text: string, { at }: Problem): boolean {
  if (at === undefined) return true;
  const line = text.split("\n")[at.line - 1]?.replace(/\r$/, "");
  return line !== undefined && at.text === line && at.column >= 1 && at.column <= line.length + 1 && at.length >= 1;
}

const word = fc.constantFrom(
  ...Object.keys(SCRIPT_VERBS),
  ...["srv1", "srv2:eth1", "srv3:2001:db8::13", "link0", "ens3", "www", "web", "www/app", "5s", "1ms", "20%", "for"],
  ...["in", "out", "down", "up", "on", "nowhere", "all", "srv1,srv2|srv3", "|", "gateway", ";", "\n", "#", "\r\n", "é"],
);

test("no text makes it throw, and every error points inside the text", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(word, { maxLength: 40 }).map((words) => words.join(" ")),
  );
  fc.assert(
    fc.property(text, (script) => {
      const result = read(script);
      expect(result.ok).toBe(result.problems.length === 0);
      for (const problem of result.problems) expect(isInside(script, problem)).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});
