import { expect, test } from "vitest";
import { ExplainedFailures, ServedAgain, uncovered } from "./explained-failures.ts";

const explanations = {
  allowances: [
    { fromMs: 1_000, toMs: 2_000, cause: "freeze" },
    { fromMs: 1_500, toMs: 2_500, cause: "kill" },
  ],
  stalls: [{ fromMs: 5_000, toMs: 5_200 }],
};
const failed = (startMs: number, endMs: number) => ({ startMs, endMs, word: "timeout" });

test("a request that failed inside a window is explained by the latest fault, one outside is not", () => {
  const checker = new ExplainedFailures(explanations);
  expect(checker.explain(failed(1_100, 1_200))).toEqual({ kind: "fault", cause: "freeze" });
  expect(checker.explain(failed(1_600, 1_900))).toEqual({ kind: "fault", cause: "kill" });
  expect(checker.explain(failed(900, 1_001))).toEqual({ kind: "fault", cause: "freeze" });
  expect(checker.explain(failed(2_501, 2_600))).toEqual({ kind: "none" });
  expect(checker.explain(failed(500, 999))).toEqual({ kind: "none" });
  expect(checker.runs).toBe(5);
  checker.passed(10);
  expect(checker.runs).toBe(15);
});

test("a machine that stood still explains what no fault does, and is told apart", () => {
  const checker = new ExplainedFailures(explanations);
  expect(checker.explain(failed(4_900, 5_050))).toEqual({ kind: "stall" });
  expect(checker.explain(failed(5_201, 5_300))).toEqual({ kind: "none" });
});

test("a gap that outlasts its fault's bound is told with the part that nothing explains", () => {
  const checker = new ServedAgain(explanations);
  expect(checker.look({ fromMs: 990, toMs: 2_540 })).toBeUndefined();
  expect(checker.look({ fromMs: 990, toMs: 3_001 })).toEqual({
    fromMs: 2_500,
    toMs: 3_001,
    text: "nobody was served for 2011 ms, 501 ms of which no fault explains",
  });
  expect(checker.look({ fromMs: 3_000, toMs: 3_501 })?.text).toBe(
    "nobody was served for 501 ms, 501 ms of which no fault explains",
  );
  expect(checker.look({ fromMs: 3_000, toMs: 3_500 })).toBeUndefined();
  expect(checker.runs).toBe(4);
});

test("what covers leave over is found in order, however they overlap", () => {
  const covers = [
    { fromMs: 20, toMs: 30 },
    { fromMs: 10, toMs: 25 },
    { fromMs: 50, toMs: 60 },
    { fromMs: 90, toMs: 200 },
  ];
  expect(uncovered({ fromMs: 0, toMs: 100 }, covers)).toEqual([
    { fromMs: 0, toMs: 10 },
    { fromMs: 30, toMs: 50 },
    { fromMs: 60, toMs: 90 },
  ]);
  expect(uncovered({ fromMs: 0, toMs: 10 }, [])).toEqual([{ fromMs: 0, toMs: 10 }]);
  expect(uncovered({ fromMs: 12, toMs: 18 }, covers)).toEqual([]);
});
