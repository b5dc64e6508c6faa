/**
 * Golden cases: scripts for one node, with everything that it decides written below each line.
 * `UPDATE_CASES=1` rewrites the decisions, which are then to be read as carefully as code.
 *
 *   === title
 *   cluster srv1 srv2 [links N]         the nodes; the first is the real one unless `me` names another
 *   group NAME NODE… [vip ADDRESS[@LINK]]… [service NAME]… [failback auto|MS] [requires MONITOR]
 *   start [GROUP=EPOCH…]                what follows are inputs; `+MS` lets time pass
 *   srv2 joins | dies | hangs | restarts | leaves | cut LINK | heals LINK | grants | ignores | refuses REASON
 *        | config differs|same | mode MODE | reach N N | says GROUP ROLE[@EPOCH] [to NODE] [ill REASON]
 *        | serves ADDRESS…|nothing
 *        | wishes KEY VALUE VERSION | claims GROUP@EPOCH|nothing | restarting MS
 *   link N cut|heals · carrier N lost|back · gateway N gone|back|none (none: before `start`) · fabric N MAC|NODE|none
 *   monitor NAME VERDICT · service ACTION works|fails|hangs · pause MS · stalled · feeding
 *   request ID VERB… · wrong-key NODE · announcement LINK ADDRESS NODE|MAC [probe] · gate WHAT [VIP]
 *   takes-over                          the daemon's next self, with what the last `restart` handed over
 *   # a remark
 */

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { play } from "./pretended-script.ts";

const folder = fileURLToPath(new URL("cases/", import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith(".txt"));

interface Case {
  readonly title: string;
  /** Script and transcript together, as in the file. */
  readonly text: string;
}

function readCases(name: string): Case[] {
  return readFileSync(folder + name, "utf8")
    .split(/^=== /m)
    .slice(1)
    .map((text) => {
      const end = text.indexOf("\n");
      return { title: text.slice(0, end), text: text.slice(end + 1).trimEnd() };
    });
}

/** The lines of a case that are a script: decisions are indented. */
function scriptOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "" && !line.startsWith(" "));
}

for (const name of files) {
  const cases = readCases(name);
  if (process.env["UPDATE_CASES"] === "1") {
    const played = cases.map(({ title, text }) => `=== ${title}\n${play(scriptOf(text))}\n`);
    writeFileSync(folder + name, played.join("\n"));
  }
  for (const { title, text } of readCases(name)) {
    test(`${name}: ${title}`, () => {
      expect(play(scriptOf(text))).toBe(text);
    });
  }
}

test("there are cases", () => {
  expect(files.flatMap(readCases).length).toBeGreaterThan(30);
});
