import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_CONFIG_LENGTH, MAX_CONFIG_PROBLEMS } from "../base/limits.ts";
import { canonicalText } from "./canonical.ts";
import type { ClusterConfig } from "./cluster.ts";
import { parseCluster } from "./parse.ts";

const examples = ["two-nodes", "three-nodes-ipv6", "service", "balanced-site", "balanced-tls"].map((name) =>
  readFileSync(new URL(`../../../examples/${name}.yaml`, import.meta.url), "utf8"),
);

function configOf(text: string): ClusterConfig {
  const parsed = parseCluster(text, "cluster.yaml");
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value.config;
}

/** Every problem points into the text that was given, at the line that it draws. */
function expectFit(text: string): void {
  const parsed = parseCluster(text, "f");
  const lines = text.replace(/^\uFEFF/, "").split("\n");
  expect(parsed.problems.length > 0).toBe(!parsed.ok);
  expect(parsed.problems.length).toBeLessThanOrEqual(MAX_CONFIG_PROBLEMS + 1);
  for (const { at, message } of parsed.problems) {
    expect(message).not.toBe("");
    if (at === undefined) continue;
    expect(at.text).toBe(lines[at.line - 1]?.replace(/\r$/, ""));
    expect(at.length).toBeGreaterThan(0);
    expect(at.column - 1 + at.length).toBeLessThanOrEqual(Math.max(at.text.length, at.column));
  }
}

test("a damaged file is refused with places that exist, and never throws", () => {
  const damage = fc.record({
    text: fc.constantFrom(...examples),
    place: fc.double({ min: 0, max: 1, noNaN: true }),
    remove: fc.integer({ min: 0, max: 20 }),
    insert: fc.oneof(
      fc.constantFrom(
        "",
        "\t",
        "\n",
        "\r\n",
        ": ",
        "- ",
        "[",
        "}",
        "*x",
        "&a ",
        "!!set ",
        "~",
        "'",
        '"',
        "#",
        "__proto__: ",
        "<<: ",
        "0",
        "-1",
        "\0",
      ),
      fc.string({ maxLength: 5, unit: "binary" }),
    ),
  });
  fc.assert(
    fc.property(damage, ({ text, place, remove, insert }) => {
      const from = Math.floor(place * text.length);
      expectFit(text.slice(0, from) + insert + text.slice(from + remove));
    }),
    { numRuns: 300 },
  );
});

test("any text at all is read or refused, and never throws", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => expectFit(text)));
});

test("line ends of Windows change nothing but the line ends", () => {
  const [text = ""] = examples;
  expect(configOf(text.replaceAll("\n", "\r\n"))).toEqual(configOf(text));
  const wrong = parseCluster("cluster: web\r\nnodez: {}\r\n", "f").problems.find((found) => found.nearest === "nodes");
  expect(wrong?.at).toEqual({ file: "f", line: 2, column: 1, length: 5, text: "nodez: {}" });
});

test("a file beyond the limit is refused unread", () => {
  const { problems } = parseCluster("#".repeat(MAX_CONFIG_LENGTH + 1), "big.yaml");
  expect(problems).toMatchObject([{ code: "CONFIG_TOO_LARGE", subject: { file: "big.yaml" } }]);
  expect(parseCluster("#".repeat(MAX_CONFIG_LENGTH), "big.yaml").problems).toMatchObject([{ code: "CONFIG_EMPTY" }]);
});

test("a file nested without end is refused", () => {
  const { problems } = parseCluster(`a: ${"[".repeat(20_000)}`, "deep.yaml");
  expect(problems[0]?.message).toBe("the file is nested too deeply");
});

test("of very many mistakes the first are told and the rest is counted", () => {
  const keys = Array.from({ length: 5_000 }, (_, index) => `key${index}: 1`);
  const { problems } = parseCluster(keys.join("\n"), "many.yaml");
  expect(problems).toHaveLength(MAX_CONFIG_PROBLEMS + 1);
  expect(problems.at(-1)?.message).toBe("and 4902 more problems");
});

test("the order of settings, comments and spelling do not change the canonical text, and values do", () => {
  const a = configOf(`
cluster: web
nodes: { a: { address: "2001:db8::1", links: [10.0.0.1] }, b: { address: "2001:db8::2", links: [10.0.0.2] } }
groups:
  one: { resources: [{ vip: "2001:db8::10/64" }] }
  two: { failback: { after: 60s }, resources: [{ vip: 10.0.0.10/24 }] }
`);
  const text = `
groups:
  two: { resources: [{ vip: { address: 10.0.0.10/24 } }], failback: { after: 1m } }
  one: { resources: [{ vip: 2001:0DB8::0010/64 }] } # the same
heartbeat: { port: 694 }
nodes:
  a: { links: [10.0.0.1], address: "2001:db8:0::1" }
  b: { links: [10.0.0.2], address: "2001:db8:0::2" }
cluster: "web"
`;
  expect(canonicalText(configOf(text))).toBe(canonicalText(a));
  expect(canonicalText(configOf(text.replace("694", "695")))).not.toBe(canonicalText(a));
  const swapped = text.replace("  a:", "  c:").replace("  b:", "  a:").replace("  c:", "  b:");
  expect(canonicalText(configOf(swapped))).not.toBe(canonicalText(a));
});

test("the canonical text reads back as the config", () => {
  for (const text of examples) {
    const config = configOf(text);
    expect(JSON.parse(canonicalText(config))).toMatchObject({ cluster: config.cluster, nodes: config.nodes });
  }
});
