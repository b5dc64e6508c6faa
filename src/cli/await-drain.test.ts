import { expect, test } from "vitest";

import type { MemberView } from "../api/balancer.ts";
import { DrainWatch, picker, remainingText } from "./await-drain.ts";
import { balancerView, memberView, poolsAnswer, poolView } from "./fixtures/pretended-pools.ts";

type Seen = Partial<MemberView>;

/** What two engines say of one member, drained unless said otherwise. */
function folded(onSrv1: Seen, onSrv2: Seen = {}) {
  const view = (more: Seen) => [poolView("apache", [memberView("srv9", { drain: "operator", ...more })])];
  const answer = poolsAnswer({
    srv1: balancerView("srv1", view(onSrv1)),
    srv2: balancerView("srv2", view(onSrv2)),
  });
  return picker([{ pool: "apache", member: "srv9" }])(answer);
}

test("sessions and waiting requests of all engines remain", () => {
  const remaining = new DrainWatch(0).look(folded({ sessions: 2, queued: 1 }, { sessions: 4 }), [], 0);
  expect(remaining).toMatchObject({ sessions: 7, quietMs: 0 });
  expect(remainingText(remaining)).toBe("7 sessions remain (srv1 3, srv2 4)");
  expect(remainingText(new DrainWatch(0).look(folded({ sessions: 1 }), [], 0))).toBe("1 session remains");
});

test("it is quiet from the moment when nothing remained and nothing came", () => {
  const watch = new DrainWatch(0);
  expect(watch.look(folded({ sessions: 1, requests: 9 }), [], 1_000).quietMs).toBe(0);
  expect(watch.look(folded({ requests: 9 }), [], 2_000).quietMs).toBe(1_000);
  const quiet = watch.look(folded({ requests: 9 }), [], 4_000);
  expect(quiet.quietMs).toBe(3_000);
  expect(remainingText(quiet, 5_000)).toBe("no session remains, quiet for 3.0s of 5s");
  // A sticky visitor clicks, and is answered between two looks.
  const clicked = watch.look(folded({ requests: 10 }), [], 5_000);
  expect([clicked.quietMs, remainingText(clicked, 5_000)]).toEqual([
    0,
    "no session remains, quiet for 0.0s of 5s; 1 request of its visitors came meanwhile",
  ]);
});

test("an engine that counts anew after a reload was not used by that, unless it counted again", () => {
  const watch = new DrainWatch(0);
  watch.look(folded({ requests: 9 }), [], 0);
  expect(watch.look(folded({ requests: 0 }), [], 1_000).quietMs).toBe(1_000);
  expect(watch.look(folded({ requests: 2 }), [], 2_000).quietMs).toBe(0);
});

test("an engine that has not heard of the drain, or a node that does not answer, is waited for", () => {
  const watch = new DrainWatch(0);
  const unaware = watch.look(folded({}, { drain: undefined }), [], 1_000);
  expect([unaware.quietMs, remainingText(unaware, 5_000)]).toEqual([
    0,
    "no session remains, quiet for 0.0s of 5s; srv2 has not heard of the drain yet",
  ]);
  const silent = watch.look(folded({}), ["srv3", "srv4"], 2_000);
  expect([silent.quietMs, remainingText(silent, 5_000)]).toEqual([
    0,
    "no session remains, quiet for 0.0s of 5s; srv3 and srv4 do not answer",
  ]);
  expect(watch.look(folded({}), [], 3_000).quietMs).toBe(1_000);
});

test("only the members that are meant count", () => {
  const others = [memberView("srv9"), memberView("srv8", { sessions: 5 })];
  const answer = poolsAnswer({
    srv1: balancerView("srv1", [poolView("apache", others), poolView("static", [memberView("srv9", { sessions: 3 })])]),
  });
  expect(picker([{ pool: "apache", member: "srv9" }])(answer).map(({ sessions }) => sessions)).toEqual([0]);
});
