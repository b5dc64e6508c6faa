/**
 * The golden cases of HAProxy's config: `=== title`, the balancer's part of a cluster file, `>>>`, what is expected;
 * again and again. Comments at the beginning say what changed without the file: `# drain apache/srv1`.
 */

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { renderHaproxy } from "../../src/core/balancer/haproxy.ts";
import { memberId, wantedOf } from "../../src/core/balancer/wanted.ts";
import type { RenderedFile, Wanted } from "../../src/core/balancer/wanted.ts";
import { parseCluster } from "../../src/core/config/parse.ts";

export const CASES_FOLDER = fileURLToPath(new URL("../../src/core/balancer/cases/haproxy/", import.meta.url));

export const CASE_FILES: readonly string[] = readdirSync(CASES_FOLDER).filter((name) => name.endsWith(".txt"));

const CLUSTER = `cluster: web
nodes:
  srv1: { address: 192.0.2.11, links: ["2001:db8::11"] }
  srv2: { address: 192.0.2.12, links: ["2001:db8::12"] }
groups:
  www:
    resources:
      - vip: 192.0.2.10/24
      - vip: 2001:db8::10/64
balancer:
`;

export interface HaproxyCase {
  readonly title: string;
  readonly input: string;
  readonly expected: string;
}

export function readCases(name: string): HaproxyCase[] {
  return readFileSync(CASES_FOLDER + name, "utf8")
    .split(/^=== /m)
    .slice(1)
    .map((text) => {
      const title = text.slice(0, text.indexOf("\n"));
      const [input = "", expected = ""] = text.slice(title.length + 1).split(/^>>>\n/m);
      return { title, input, expected: expected.trim() };
    });
}

export function wantedBy(input: string): Wanted {
  const parsed = parseCluster(CLUSTER + input, "cluster.yaml");
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems, undefined, 1));
  const { balancer } = parsed.value.config;
  if (balancer === undefined) throw new Error("the case has no balancer");
  const plain = wantedOf(balancer);
  const said = [...input.matchAll(/^# (drain|weight|serving-all) (\S+) ?(\d*)$/gm)];
  return {
    ...plain,
    members: plain.members.map((want) => {
      const mine = said.filter(([, , about]) => about === memberId(want));
      return {
        ...want,
        drain: mine.some(([, verb]) => verb === "drain") ? "operator" : want.drain,
        weight: Number(mine.find(([, verb]) => verb === "weight")?.[3] ?? want.weight),
      };
    }),
    servingAll: said.flatMap(([, verb, pool = ""]) => (verb === "serving-all" ? [pool] : [])),
  };
}

export function renderedBy(input: string, directory: string): readonly RenderedFile[] {
  return renderHaproxy(wantedBy(input), { directory }, { account: { user: "haproxy", group: "haproxy" } });
}
