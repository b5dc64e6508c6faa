/**
 * The contract of engines: the same behaviours with each real program, in network namespaces of their own. The table
 * of capabilities in the docs comes from the same data.
 */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CAPABILITIES, capabilityOf, ENGINES } from "../../src/core/balancer/capabilities.ts";
import { ChildObserver } from "../../src/lab/child-observer.ts";
import { wall } from "../../src/lab/namespaces.ts";
import { BEHAVIOURS } from "./behaviours.ts";

let inside: ChildObserver | undefined;

beforeAll(() => {
  inside = new ChildObserver(new URL("./inside.ts", import.meta.url), wall([], 0), {});
});

afterAll(() => inside?.end());

function run(engine: string, title: string): Promise<unknown> {
  if (inside === undefined) throw new Error("not set up");
  return inside.call("run", { engine, title });
}

test("every capability has a behaviour that shows it, and every title is its own", () => {
  const shown = new Set(BEHAVIOURS.flatMap(({ shows }) => shows));
  expect(CAPABILITIES.map(({ name }) => name).filter((name) => !shown.has(name))).toEqual([]);
  expect(new Set(BEHAVIOURS.map(({ title }) => title)).size).toBe(BEHAVIOURS.length);
});

describe.each(ENGINES)("%s", (engine) => {
  for (const { title, shows } of BEHAVIOURS) {
    const lacking = shows.find((word) => !capabilityOf(word).engines.includes(engine));
    if (lacking === undefined) test.concurrent(title, () => run(engine, title));
    else {
      test.concurrent(`refused: ${title}`, async () => {
        await expect(run(engine, title)).rejects.toThrow(
          `${engine} lacks ${lacking}, ${capabilityOf(lacking).engines.join()} can`,
        );
      });
    }
  }
});
