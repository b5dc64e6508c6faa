import { expect, test } from "vitest";
import { findGaps, summarise } from "./tries.ts";
import type { Try } from "./tries.ts";

const page = (startMs: number, node = "srv1"): Try => ({ startMs, endMs: startMs + 1, ok: true, word: node });
const timeout = (startMs: number): Try => ({ startMs, endMs: startMs + 50, ok: false, word: "timeout" });

function everyFive(fromMs: number, toMs: number, make: (ms: number) => Try): Try[] {
  const tries: Try[] = [];
  for (let ms = fromMs; ms < toMs; ms += 5) tries.push(make(ms));
  return tries;
}

const outage = [
  ...everyFive(0, 1000, (ms) => page(ms)),
  ...everyFive(1000, 1200, timeout),
  ...everyFive(1200, 2000, (ms) => page(ms, "srv2")),
];

test("a gap lasts from the last page before to the first page after", () => {
  const gaps = findGaps(outage, { fromMs: 500, toMs: 2000 });
  expect(gaps).toEqual([{ fromMs: 996, toMs: 1201, durationMs: 205, failed: 40, before: "srv1", after: "srv2" }]);
});

test("a site that answers all the time has no gap", () => {
  expect(
    findGaps(
      everyFive(0, 1000, (ms) => page(ms)),
      { fromMs: 0, toMs: 1000 },
    ),
  ).toEqual([]);
});

test("a gap that has not ended counts up to the window's end", () => {
  const [gap] = findGaps(
    everyFive(0, 500, (ms) => page(ms)),
    { fromMs: 0, toMs: 900 },
  );
  expect(gap).toMatchObject({ fromMs: 496, toMs: 900, after: undefined });
});

test("a site that never answers is one gap over the whole window", () => {
  const summary = summarise(everyFive(0, 500, timeout), { fromMs: 0, toMs: 500 });
  expect(summary.worstGapMs).toBe(500);
  expect(summary.failed).toBe(100);
});

test("a gap before the window is not reported, one that reaches into it is", () => {
  expect(findGaps(outage, { fromMs: 1300, toMs: 2000 })).toEqual([]);
  expect(findGaps(outage, { fromMs: 1100, toMs: 2000 })).toHaveLength(1);
});

test("requests without a page in between make a gap even when none failed", () => {
  const starved = [...everyFive(0, 100, (ms) => page(ms)), ...everyFive(400, 500, (ms) => page(ms))];
  expect(findGaps(starved, { fromMs: 0, toMs: 500 })).toMatchObject([{ durationMs: 305, failed: 0 }]);
});

test("a summary counts pages by node, failures by word and the slowest page", () => {
  const tries = [...outage, { startMs: 1990, endMs: 2190, ok: true, word: "srv2" }];
  expect(summarise(tries, { fromMs: 0, toMs: 2200 })).toMatchObject({
    requests: 401,
    failed: 40,
    failures: { timeout: 40 },
    pages: { srv1: 200, srv2: 161 },
    worstLatencyMs: 200,
  });
});
