/**
 * Golden cases: the balancer's part of a cluster file, and the HAProxy config that is made from it. `UPDATE_CASES=1`
 * rewrites what is expected, which is then to be read as carefully as code. The same cases go through the real
 * `haproxy -c` in `test/balancer/haproxy-rendered.lab.test.ts`.
 */

import { writeFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CASE_FILES, CASES_FOLDER, readCases, renderedBy } from "../../../test/balancer/haproxy-cases.ts";
import { statsUsers } from "./haproxy.ts";
import { literal, time, word } from "./haproxy-words.ts";

const DIRECTORY = "/run/understudy/balancer";

/** All files; the sections that are always the same only where the case asks for the whole. */
function show(input: string): string {
  const isWhole = input.startsWith("# whole\n");
  return renderedBy(input, DIRECTORY)
    .filter(({ content }) => isWhole || content !== "")
    .map(({ path, content }) => `--- ${path}\n${isWhole ? content : withoutHead(content)}`)
    .join("")
    .replace(/\n\n(?=--- )/g, "\n")
    .trim();
}

function withoutHead(content: string): string {
  return content.startsWith("# Made") ? content.slice(content.search(/^(listen|frontend|backend) /m)) : content;
}

for (const name of CASE_FILES) {
  if (process.env["UPDATE_CASES"] === "1") {
    const texts = readCases(name).map(({ title, input }) => `=== ${title}\n${input}>>>\n${show(input)}\n\n`);
    writeFileSync(CASES_FOLDER + name, texts.join(""));
  }
  for (const { title, input, expected } of readCases(name)) {
    test(`${name}: ${title}`, () => {
      expect(show(input)).toBe(expected);
    });
  }
}

test("there are cases", () => {
  expect(CASE_FILES.flatMap(readCases).length).toBeGreaterThan(15);
});

test("a frontend's rules grow with kinds of sites, not with their number", () => {
  const count = (sites: number): number => {
    const names = Array.from({ length: sites }, (_, index) => `s${index}.example.com`);
    const input = [
      "  access-log: none",
      "  sites:",
      ...names.flatMap((name, index) => [
        `    ${name}:`,
        `      aliases: [www.${name}, "*.${name}"]`,
        `      pool: p${index % 3}`,
        `      redirect-to-name: ${name}`,
        `      body-limit: ${(index % 2) + 1}MB`,
        `      paths: { /api${index}: p1, "*.php": p2 }`,
        `      redirects: [{ from: =/old${index}, to: /new${index} }]`,
      ]),
      "  pools:",
      ...[0, 1, 2].map((pool) => `    p${pool}: { members: { srv1: 10.0.0.11:800${pool} } }`),
    ].join("\n");
    const [config] = renderedBy(`${input}\n`, DIRECTORY);
    return (config?.content ?? "").split("\n").length;
  };
  expect(count(500)).toBe(count(50));
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
