import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_NODES } from "../base/limits.ts";
import { nextEpoch } from "./epoch.ts";

const index = fc.integer({ min: 0, max: MAX_NODES - 1 });
const highest = fc.nat({ max: 1_000_000 });

test("The next epoch is the lowest above the highest that is this node's own", () => {
  fc.assert(
    fc.property(highest, index, (above, node) => {
      const epoch = nextEpoch(above, node);
      expect(epoch % MAX_NODES).toBe(node);
      expect(epoch).toBeGreaterThan(above);
      expect(epoch - above).toBeLessThanOrEqual(MAX_NODES);
    }),
  );
});

test("Two nodes never count to the same epoch, whatever each of them knows", () => {
  fc.assert(
    fc.property(highest, highest, index, index, (mine, theirs, me, other) => {
      fc.pre(me !== other);
      expect(nextEpoch(mine, me)).not.toBe(nextEpoch(theirs, other));
    }),
  );
});
