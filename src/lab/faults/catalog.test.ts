import { expect, test } from "vitest";

import { FAULTS, misfit } from "./catalog.ts";
import type { FaultName } from "./catalog.ts";

test("a lab with a balancer offers its programs to be killed, and one without the site's nginx", () => {
  const names = Object.keys(FAULTS) as FaultName[];
  const fits = (isBalanced: boolean) => names.filter((name) => misfit(name, { isBalanced }) === undefined);
  expect(fits(true)).toEqual(names.filter((name) => name !== "nginx"));
  expect(fits(false)).toEqual(names.filter((name) => name !== "web" && name !== "engine"));
  expect(misfit("nginx", { isBalanced: true })).toContain("`web` or `engine`");
  expect(misfit("engine", { isBalanced: false })).toContain("--balancer");
});
