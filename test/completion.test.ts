/** The completion for bash against the page of commands, which is made from the commands themselves. */

import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { read } from "./sources.ts";

/** A cluster of two groups, as `status --json` tells it. */
const STATUS = JSON.stringify({
  nodes: [
    {
      node: "srv1",
      view: {
        groups: [
          { name: "www", epoch: 16, candidates: [{ node: "srv1", eligible: true }] },
          { name: "mail", epoch: 17, candidates: [{ node: "srv2", eligible: true }] },
        ],
        monitors: [{ name: "web", verdict: "up" }],
      },
    },
    { node: "srv2" },
  ],
});

/** Pools as `pools --json` tells them. */
const POOLS = JSON.stringify({
  answeredBy: "srv1",
  nodes: ["srv1", "srv2"].map((node) => ({
    node,
    view: {
      node,
      pools: [
        { pool: "apache", servingAll: false, members: [{ member: "srv1", node: "srv1" }, { member: "srv2" }] },
        { pool: "static", servingAll: false, members: [{ member: "srv1" }] },
      ],
    },
  })),
  problems: [],
});

/** What bash offers after these words and one that is not begun yet. */
function offered(...words: string[]): string[] {
  const script = `
    understudy() { if [ "$1" = pools ]; then printf '%s' "$POOLS"; else printf '%s' "$STATUS"; fi; }
    source packaging/understudy.bash-completion
    COMP_WORDS=(understudy "$@" ''); COMP_CWORD=$(($# + 1))
    _understudy
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const ended = spawnSync("bash", ["-c", script, "bash", ...words], {
    encoding: "utf8",
    env: { ...process.env, STATUS, POOLS },
  });
  expect(ended.stderr).toBe("");
  return ended.stdout.split("\n").filter((word) => word !== "");
}

/** Every heading of the page with the options below it. */
function described(): { words: string[]; options: string[] }[] {
  const sections = read("docs/reference/commands.md")
    .split(/^#{2,3} /m)
    .slice(1);
  return sections.map((section) => ({
    words: (/^`understudy ([^`]*)`/.exec(section)?.[1] ?? "").split(" ").filter((word) => /^[a-z-]+$/.test(word)),
    options: [...section.matchAll(/^\| `(--[a-z0-9-]+)/gm)].map(([, option = ""]) => option),
  }));
}

test("every verb and every option of the page is offered", () => {
  const sections = described();
  expect(sections.length).toBeGreaterThan(14);
  const missing = sections.flatMap(({ words: [verb = "", inner], options }) => {
    if (inner !== undefined) return offered(verb).includes(inner) ? [] : [`${verb} ${inner}`];
    const known = offered(verb);
    const lost = options.filter((option) => !known.includes(option)).map((option) => `${verb} ${option}`);
    return offered().includes(verb) ? lost : [verb, ...lost];
  });
  expect(missing).toEqual([]);
});

test("all groups and nodes of the cluster are offered, and nothing else with a name", () => {
  expect(offered("clear").filter((word) => !word.startsWith("-"))).toEqual(["mail", "www"]);
  expect(offered("standby").filter((word) => !word.startsWith("-"))).toEqual(["srv1", "srv2"]);
  expect(offered("switch", "www", "--to")).toEqual(["srv1", "srv2"]);
});

test("pools and members are offered as the verbs take them", () => {
  const names = (...words: string[]) => offered(...words).filter((word) => !word.startsWith("-"));
  expect(names("pools")).toEqual(["apache", "static"]);
  expect(names("drain")).toEqual(["apache/srv1", "apache/srv2", "srv1", "srv2", "static/srv1"]);
  expect(names("undrain")).toEqual(names("drain"));
  expect(names("weight")).toEqual([...names("drain"), "file"]);
});
