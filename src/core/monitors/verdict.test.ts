import { expect, test } from "vitest";

import type { Verdict } from "../base/words.ts";
import { observe, UNCHECKED } from "./verdict.ts";

const limits = { rise: 2, fall: 3 };

function verdictAfter(outcomes: readonly Verdict[]): Verdict {
  return outcomes.reduce((state, outcome) => observe(state, outcome, limits), UNCHECKED).verdict;
}

test("a monitor that never checked knows nothing", () => {
  expect(verdictAfter([])).toBe("unknown");
});

test("the first success is believed at once, the first failures only after `fall`", () => {
  expect(verdictAfter(["up"])).toBe("up");
  expect(verdictAfter(["down", "down"])).toBe("unknown");
  expect(verdictAfter(["down", "down", "down"])).toBe("down");
});

test("fewer failures in a row than `fall` change nothing", () => {
  expect(verdictAfter(["up", "down", "down", "up", "down", "down"])).toBe("up");
});

test("a server that was down needs `rise` successes in a row", () => {
  const down: Verdict[] = ["up", "down", "down", "down"];
  expect(verdictAfter([...down, "up"])).toBe("down");
  expect(verdictAfter([...down, "up", "down", "up"])).toBe("down");
  expect(verdictAfter([...down, "up", "up"])).toBe("up");
});

test("a check that could not be made never leads to down", () => {
  expect(verdictAfter(["up", "unknown", "unknown"])).toBe("up");
  expect(verdictAfter(["up", "unknown", "unknown", "unknown"])).toBe("unknown");
  expect(verdictAfter(["up", "down", "down", "unknown", "down", "down"])).toBe("up");
});
