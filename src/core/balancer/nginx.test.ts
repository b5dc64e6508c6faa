/**
 * Golden cases: the balancer's part of a cluster file, and the nginx config that is made from it. `UPDATE_CASES=1`
 * rewrites what is expected, which is then to be read as carefully as code. The same cases go through the real
 * `nginx -t` in `test/balancer/nginx-rendered.lab.test.ts`.
 */

import { writeFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";

import { CASES_FILE, readNginxCases, renderedByNginx } from "../../../test/balancer/nginx-cases.ts";
import { escapePattern, quote, size, time, word } from "./nginx-words.ts";
import { upstream, upstreamNames } from "./nginx-upstreams.ts";
import { member, pool } from "./pretended-balancer.ts";
import { memberId } from "./wanted.ts";

const DIRECTORY = "/run/understudy/balancer";

/** Pools and sites; what stands before them only where the case asks for the whole. */
function show(input: string): string {
  const content = renderedByNginx(input, DIRECTORY)
    .map((file) => file.content)
    .join("");
  if (input.startsWith("# whole\n")) return content.replace(/^ {4}types \{[^}]*\}\n/m, "").trim();
  return content
    .slice(content.search(/^ {4}upstream /m))
    .replaceAll(/^ {4}/gm, "")
    .replace(/\n\}\s*$/, "")
    .trim();
}

if (process.env["UPDATE_CASES"] === "1") {
  const texts = readNginxCases().map(({ title, input }) => `=== ${title}\n${input}>>>\n${show(input)}\n\n`);
  writeFileSync(CASES_FILE, texts.join(""));
}

for (const { title, input, expected } of readNginxCases()) {
  test(title, () => {
    expect(show(input)).toBe(expected);
  });
}

test("there are cases", () => {
  expect(readNginxCases().length).toBeGreaterThan(5);
});

test("any text without control characters comes back from a line as nginx cuts it", () => {
  const text = fc.string({ unit: fc.integer({ min: 32, max: 126 }).map((code) => String.fromCharCode(code)) });
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), (texts) => {
      expect(cut(`${texts.map(quote).join(" ")};`)).toEqual(texts);
    }),
  );
});

test("a pattern fits the text that it was made of, and no other of its length", () => {
  const text = fc.string({ unit: fc.integer({ min: 33, max: 126 }).map((code) => String.fromCharCode(code)) });
  fc.assert(
    fc.property(text, text, (one, other) => {
      const pattern = new RegExp(`^${escapePattern(one)}$`);
      expect(pattern.test(one)).toBe(true);
      expect(pattern.test(other)).toBe(one === other);
    }),
  );
});

test("a dollar sign, which would begin a variable, and a line break cannot be written", () => {
  expect(() => word("a$b")).toThrow(/dollar/);
  expect(() => word("a\nb")).toThrow(/control character/);
});

test("sizes and times are written in the largest unit without a fraction", () => {
  expect([0, 1, 1_024, 31_457_280, 1_500].map(size)).toEqual(["0m", "1", "1k", "30m", "1500"]);
  expect([0, 1, 1_500, 60_000, 30 * 86_400_000].map(time)).toEqual(["0s", "1ms", "1500ms", "60s", "2147483s"]);
});

test("names that differ in upper and lower case only are two upstreams", () => {
  const names = [...upstreamNames([pool("web", []), pool("Web", []), pool("api", [])]).values()];
  expect(names).toEqual(["web", "_2.Web", "api"]);
});

test("a pool whose members all fail their checks serves with all that the operator left in", () => {
  const web = pool("web", [member("a"), member("b"), member("c")]);
  const state = (down: readonly string[], drained: readonly string[], servesAll = false) =>
    upstream("web", web, {
      servesAll,
      wants: new Map(
        web.members.map(({ name, weight }) => {
          const key = { pool: "web", member: name };
          const drain = drained.includes(name) ? ("operator" as const) : undefined;
          return [memberId(key), { ...key, weight, drain, isUp: !down.includes(name) }];
        }),
      ),
    })
      .filter((line) => line.includes("server "))
      .map((line) => (line.includes("down") ? "down" : "in"));
  expect(state([], [])).toEqual(["in", "in", "in"]);
  expect(state(["a"], [])).toEqual(["down", "in", "in"]);
  expect(state(["a", "b", "c"], [])).toEqual(["in", "in", "in"]);
  expect(state(["a", "b"], ["c"])).toEqual(["in", "in", "down"]);
  expect(state(["a"], [], true)).toEqual(["in", "in", "in"]);
  expect(state([], ["a", "b", "c"])).toEqual(["down", "down", "down"]);
});

/** nginx' way of cutting a line into words (ngx_conf_read_token), written anew. */
function cut(line: string): string[] {
  const words: string[] = [];
  let current: string | undefined;
  let isQuoted = false;
  for (let index = 0; index < line.length; index++) {
    const character = line[index] ?? "";
    if (character === "\\") {
      const next = line[++index] ?? "";
      const meant = ({ t: "\t", r: "\r", n: "\n" } as Record<string, string>)[next];
      current = (current ?? "") + (/["'\\]/.test(next) ? next : (meant ?? `\\${next}`));
    } else if (isQuoted) {
      if (character === '"') isQuoted = false;
      else current += character;
    } else if (character === '"' && current === undefined) {
      isQuoted = true;
      current = "";
    } else if (character === " " || character === ";") {
      if (current !== undefined) words.push(current);
      current = undefined;
    } else {
      current = (current ?? "") + character;
    }
  }
  return words;
}
