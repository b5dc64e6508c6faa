import fc from "fast-check";
import { expect, test } from "vitest";
import { type Candidate, place, type Placement, type PlacementQuestion } from "./placement.ts";

const NAMES = ["srv1", "srv2", "srv3", "srv4"];

function candidate(node: string, change: Partial<Candidate> = {}): Candidate {
  return { node, eligible: true, because: "is well", soft: true, eligibleForMs: 0, ...change };
}

function question(change: Partial<PlacementQuestion> = {}): PlacementQuestion {
  const candidates = [candidate("srv1"), candidate("srv2")];
  return { candidates, holder: undefined, wish: undefined, failback: { kind: "never" }, maintenance: false, ...change };
}

const ill = { eligible: false, because: "fails monitor web" };

test("A group that nobody has goes to the first eligible node", () => {
  expect(place(question())).toMatchObject({ node: "srv1", because: "it is the first eligible node" });
  const candidates = [candidate("srv1", ill), candidate("srv2")];
  expect(place(question({ candidates })).node).toBe("srv2");
});

test("An operator's wish counts more than the order, but not more than health", () => {
  expect(place(question({ wish: "srv2" })).node).toBe("srv2");
  expect(place(question({ wish: "srv2", holder: "srv1" })).node).toBe("srv2");
  const candidates = [candidate("srv1"), candidate("srv2", ill)];
  expect(place(question({ candidates, wish: "srv2", holder: "srv1" })).node).toBe("srv1");
});

test("The failback policy decides whether a group goes home", () => {
  const away = { holder: "srv2" };
  expect(place(question({ ...away, failback: { kind: "never" } })).node).toBe("srv2");
  expect(place(question({ ...away, failback: { kind: "auto" } })).node).toBe("srv1");
  const well = (eligibleForMs: number) => [candidate("srv1", { eligibleForMs }), candidate("srv2")];
  const failback = { kind: "after", ms: 5_000 } as const;
  expect(place(question({ ...away, failback, candidates: well(1_000) }))).toMatchObject({
    node: "srv2",
    changesInMs: 4_000,
  });
  expect(place(question({ ...away, failback, candidates: well(5_000) }))).toMatchObject({
    node: "srv1",
    changesInMs: undefined,
  });
});

test("A monitor that fails everywhere moves nothing", () => {
  const candidates = [candidate("srv1", ill), candidate("srv2", ill)];
  expect(place(question({ candidates, holder: "srv2" })).node).toBe("srv2");
  expect(place(question({ candidates, holder: undefined })).node).toBeUndefined();
});

test("What is no matter of health takes the group away even when nobody else may have it", () => {
  const candidates = [candidate("srv1", { ...ill, soft: false }), candidate("srv2", ill)];
  expect(place(question({ candidates, holder: "srv1" })).node).toBeUndefined();
});

test("In maintenance everything stays where it is, also nowhere", () => {
  const candidates = [candidate("srv1"), candidate("srv2", { ...ill, soft: false })];
  expect(place(question({ candidates, holder: "srv2", wish: "srv1", maintenance: true })).node).toBe("srv2");
  expect(place(question({ maintenance: true })).node).toBeUndefined();
});

test("When nobody may hold a group, the answer says so for each node", () => {
  const candidates = [candidate("srv1", ill), candidate("srv2", { ...ill, because: "is dead" })];
  expect(place(question({ candidates })).because).toBe("srv1: fails monitor web; srv2: is dead");
});

/** The rules in the order in which an operator would tell them, with no thought of speed or form. */
function oracle({ candidates, holder, wish, failback, maintenance }: PlacementQuestion): string | undefined {
  if (maintenance) return holder;
  const eligible = candidates.filter((each) => each.eligible).map((each) => each.node);
  const here = candidates.find((each) => each.node === holder);
  if (eligible.length === 0) return here !== undefined && here.soft ? here.node : undefined;
  if (wish !== undefined && eligible.includes(wish)) return wish;
  if (holder === undefined || !eligible.includes(holder)) return eligible[0];
  if (failback.kind === "auto") return eligible[0];
  const home = candidates.find((each) => each.node === eligible[0]);
  if (failback.kind === "after" && (home?.eligibleForMs ?? 0) >= failback.ms) return eligible[0];
  return holder;
}

const questions: fc.Arbitrary<PlacementQuestion> = fc.record({
  candidates: fc.shuffledSubarray(NAMES, { minLength: 1 }).chain((names) =>
    fc.tuple(
      ...names.map((node) =>
        fc.record({
          node: fc.constant(node),
          eligible: fc.boolean(),
          because: fc.constant("is as it is"),
          soft: fc.boolean(),
          eligibleForMs: fc.integer({ min: 0, max: 100 }),
        }),
      ),
    ),
  ),
  holder: fc.option(fc.constantFrom(...NAMES), { nil: undefined }),
  wish: fc.option(fc.constantFrom(...NAMES), { nil: undefined }),
  failback: fc.oneof(
    fc.constant({ kind: "never" } as const),
    fc.constant({ kind: "auto" } as const),
    fc.record({ kind: fc.constant("after" as const), ms: fc.integer({ min: 1, max: 100 }) }),
  ),
  maintenance: fc.boolean(),
});

test("The answer is the naive oracle's for every question", () => {
  fc.assert(
    fc.property(questions, (asked) => {
      expect(place(asked).node).toBe(oracle(asked));
    }),
    { numRuns: 2_000 },
  );
});

test("Where a group was put it stays: the same question with the new holder gives the same node", () => {
  fc.assert(
    fc.property(questions, (asked) => {
      const first = place(asked);
      fc.pre(first.node !== undefined);
      expect(place({ ...asked, holder: first.node }).node).toBe(first.node);
    }),
    { numRuns: 2_000 },
  );
});

test("An answer that says when it changes does not change before, and does then", () => {
  const still = { failback: { kind: "after", ms: 50 } as const, wish: undefined, maintenance: false };
  const waiting = questions.map((asked) => ({ ...asked, ...still }));
  let compared = 0;
  fc.assert(
    fc.property(waiting, (asked) => {
      const { node, changesInMs } = place(asked);
      if (changesInMs === undefined) return;
      compared++;
      expect(later(asked, changesInMs - 1).node).toBe(node);
      expect(later(asked, changesInMs).node).not.toBe(node);
    }),
    { numRuns: 2_000 },
  );
  expect(compared).toBeGreaterThan(20);
});

/** The answer when everybody stays as eligible as now for so long. */
function later(asked: PlacementQuestion, ms: number): Placement {
  const candidates = asked.candidates.map((each) => ({
    ...each,
    eligibleForMs: each.eligible ? each.eligibleForMs + ms : 0,
  }));
  return place({ ...asked, candidates });
}
