/**
 * Golden cases: the balancer's part of a cluster file, and the HAProxy config that is made from it. `UPDATE_CASES=1`
 * rewrites what is expected, which is then to be read as carefully as code. The same cases go through the real
 * `haproxy -c` in `haproxy.lab.test.ts`.
 */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseCluster } from "../config/parse.ts";
import { renderHaproxy, statsUsers } from "./haproxy.ts";
import { literal, time, word } from "./haproxy-words.ts";
import type { RenderedFile, Wanted } from "./wanted.ts";
import { memberId, wantedOf } from "./wanted.ts";

const folder = fileURLToPath(new URL("cases/haproxy/", import.meta.url));
const names = readdirSync(folder).filter((name) => name.endsWith(".txt"));
const PLACE = { directory: "/run/understudy/balancer" };

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

interface Case {
  readonly title: string;
  readonly input: string;
  readonly expected: string;
}

/** `=== title`, the input, `>>>`, what is expected; again and again. */
function readCases(name: string): Case[] {
  return readFileSync(folder + name, "utf8")
    .split(/^=== /m)
    .slice(1)
    .map((text) => {
      const title = text.slice(0, text.indexOf("\n"));
      const [input = "", expected = ""] = text.slice(title.length + 1).split(/^>>>\n/m);
      return { title, input, expected: expected.trim() };
    });
}

/** Comments at the beginning of a case say what changed without the file: `# drain apache/srv1`. */
function wantedBy(input: string): Wanted {
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

function rendered(input: string): readonly RenderedFile[] {
  return renderHaproxy(wantedBy(input), PLACE, { account: { user: "haproxy", group: "haproxy" } });
}

/** All files; the sections that are always the same only where the case asks for the whole. */
function show(input: string): string {
  const isWhole = input.startsWith("# whole\n");
  return rendered(input)
    .filter(({ content }) => isWhole || content !== "")
    .map(({ path, content }) => `--- ${path}\n${isWhole ? content : withoutHead(content)}`)
    .join("")
    .replace(/\n\n(?=--- )/g, "\n")
    .trim();
}

function withoutHead(content: string): string {
  return content.startsWith("# Made") ? content.slice(content.search(/^(listen|frontend|backend) /m)) : content;
}

for (const name of names) {
  if (process.env["UPDATE_CASES"] === "1") {
    const texts = readCases(name).map(({ title, input }) => `=== ${title}\n${input}>>>\n${show(input)}\n\n`);
    writeFileSync(folder + name, texts.join(""));
  }
  for (const { title, input, expected } of readCases(name)) {
    test(`${name}: ${title}`, () => {
      expect(show(input)).toBe(expected);
    });
  }
}

test("there are cases", () => {
  expect(names.flatMap(readCases).length).toBeGreaterThan(15);
});

describe("words", () => {
  test("plain words stay as they are, others are put in single quotes", () => {
    expect(word("10.0.0.1:80")).toBe("10.0.0.1:80");
    expect(word("a b")).toBe("'a b'");
    expect(word("it's")).toBe(`'it'\\''s'`);
    expect(word("")).toBe("''");
  });

  test("any text without control characters comes back from a line as HAProxy cuts it", () => {
    const text = fc.string({ unit: fc.integer({ min: 32, max: 126 }).map((code) => String.fromCharCode(code)) });
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), (texts) => {
        expect(cut(texts.map(word).join(" "))).toEqual(texts);
      }),
    );
  });

  test("a line break cannot be written", () => {
    expect(() => word("a\nb")).toThrow(/control character/);
  });

  test("a text as a format doubles what would begin a variable", () => {
    expect(literal("100% %[src]")).toBe("100%% %%[src]");
  });

  test("times are short, never 0, and no longer than HAProxy can count", () => {
    expect([0, 1, 1_500, 60_000, 30 * 86_400_000].map(time)).toEqual(["1ms", "1ms", "1500ms", "60s", "2147483s"]);
  });

  test("a password may hold anything that can be typed", () => {
    const line = statsUsers({ user: "admin", password: `it's 100% $x "y" \\ #` }).split("\n")[1] ?? "";
    expect(cut(line.trim())).toEqual(["user", "admin", "insecure-password", `it's 100% $x "y" \\ #`]);
    expect(statsUsers(undefined)).toMatch(/^#/);
  });
});

/** HAProxy's way of cutting a line into words (section 2.2 of its manual), written anew from the manual's table. */
function cut(line: string): string[] {
  const words: string[] = [];
  let current: string | undefined;
  let quote = "";
  for (let index = 0; index < line.length; index++) {
    const character = line[index] ?? "";
    if (quote === "'") {
      if (character === "'") quote = "";
      else current += character;
    } else if (character === "\\") {
      current = (current ?? "") + (line[++index] ?? "");
    } else if (character === "'" || character === '"') {
      quote = quote === "" ? character : "";
      current ??= "";
    } else if (quote === "" && character === "#") {
      break;
    } else if (quote === "" && character === " ") {
      if (current !== undefined) words.push(current);
      current = undefined;
    } else {
      current = (current ?? "") + character;
    }
  }
  return current === undefined ? words : [...words, current];
}
