/**
 * The contract of engines: the same behaviours with each real program, in network namespaces of their own. The table
 * of capabilities in the docs comes from the same data.
 */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CAPABILITIES, capabilityOf, ENGINES } from "../../src/core/balancer/capabilities.ts";
import { ChildObserver } from "../../src/lab/child-observer.ts";
import { wall } from "../../src/lab/namespaces.ts";
import { BEHAVIOURS } from "./behaviours.ts";

test("every capability has a behaviour that shows it, and every title is its own", () => {
  const shown = new Set(BEHAVIOURS.flatMap(({ shows }) => shows));
  expect(CAPABILITIES.map(({ name }) => name).filter((name) => !shown.has(name))).toEqual([]);
  expect(new Set(BEHAVIOURS.map(({ title }) => title)).size).toBe(BEHAVIOURS.length);
});

describe.each(ENGINES)("%s", (engine) => {
  let inside: ChildObserver | undefined;
  beforeAll(() => {
    inside = new ChildObserver(new URL("./inside.ts", import.meta.url), wall([], 0), { engine });
  });
  afterAll(() => inside?.end());

  async function run(title: string): Promise<void> {
    if (inside === undefined) throw new Error("not set up");
    await inside.call("run", { engine, title });
  }

  for (const { title, shows } of BEHAVIOURS) {
    const lacking = shows.map(capabilityOf).filter(({ engines }) => !engines.some((one) => one === engine));
    if (lacking.length === 0) test.concurrent(title, () => run(title));
    else {
      const words = lacking.map(({ name, engines }) => `${engine} lacks ${name}, ${engines.join()} can`);
      test.concurrent(`refused: ${title}`, () => expect(run(title)).rejects.toThrow(new RegExp(words.join("|"))));
    }
  }
});
