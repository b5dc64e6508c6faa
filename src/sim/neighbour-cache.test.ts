import { expect, test } from "vitest";
import { EVERYBODY, NeighbourCache } from "./neighbour-cache.ts";

const A = "02:00:00:00:00:0a";
const B = "02:00:00:00:00:0b";
const VIP = "10.0.0.100";

function cache(): NeighbourCache {
  return new NeighbourCache({ reachableMs: 1_000, delayMs: 500, retransMs: 100 });
}

test("an unknown address is asked of everybody, not more often than the pause allows", () => {
  const known = cache();
  expect(known.use(VIP, 0)).toEqual({ mac: undefined, ask: EVERYBODY });
  expect(known.use(VIP, 50)).toEqual({ mac: undefined, ask: undefined });
  expect(known.use(VIP, 100)).toEqual({ mac: undefined, ask: EVERYBODY });
});

test("an announcement changes an entry at once, and makes none", () => {
  const known = cache();
  known.announced(VIP, A, 0);
  expect(known.mac(VIP)).toBeUndefined();
  known.answered(VIP, A, 0);
  known.announced(VIP, B, 1);
  expect(known.mac(VIP)).toBe(B);
});

test("an answer that contradicts an entry counts only when that is older than the lock", () => {
  const known = cache();
  known.answered(VIP, A, 0);
  known.answered(VIP, B, 999);
  expect(known.mac(VIP)).toBe(A);
  known.answered(VIP, B, 1_000);
  expect(known.mac(VIP)).toBe(B);
});

test("an entry in doubt is used, then asked for three times, then forgotten", () => {
  const known = cache();
  known.answered(VIP, A, 0);
  expect(known.use(VIP, 999)).toEqual({ mac: A, ask: undefined });
  expect(known.use(VIP, 1_000)).toEqual({ mac: A, ask: undefined });
  for (const at of [1_500, 1_600, 1_700]) expect(known.use(VIP, at)).toEqual({ mac: A, ask: A });
  expect(known.use(VIP, 1_800)).toEqual({ mac: undefined, ask: EVERYBODY });
});

test("an answer from the remembered hardware address ends the doubt", () => {
  const known = cache();
  known.answered(VIP, A, 0);
  known.use(VIP, 1_000);
  known.confirmed(VIP, B, 1_100);
  expect(known.use(VIP, 1_500).ask).toBe(A);
  known.confirmed(VIP, A, 1_510);
  expect(known.use(VIP, 2_400)).toEqual({ mac: A, ask: undefined });
});
