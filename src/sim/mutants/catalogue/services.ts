/** Services: in one place, one action at a time, the stop confirmed first. */

import type { Mutant } from "../mutant.ts";

const LIFECYCLE = "core/resources/lifecycle.ts";
const STANDING = "core/node/standing.ts";

export const SERVICE_MUTANTS: readonly Mutant[] = [
  {
    name: "starts-without-confirmed-stop",
    breaks: "A group is started elsewhere before its last holder confirmed that its services stopped.",
    patches: [
      { file: STANDING, find: ` || role === "stopping"`, replace: "" },
      {
        file: STANDING,
        find: `return report.role === "idle" && report.to !== undefined`,
        replace: "return report.to !== undefined",
      },
    ],
    caughtBy: ["services"],
    within: 60,
  },
  {
    name: "stop-not-run",
    breaks: "A group that moves away does not stop its services.",
    patches: [
      {
        file: LIFECYCLE,
        find: `return { order: this.order(service, "stop", now) };`,
        replace: `this.phase = "stopped";\n    return { news: { kind: "stopped" } };`,
      },
    ],
    caughtBy: ["services"],
    within: 60,
  },
  {
    name: "failed-stop-is-a-stop",
    breaks: "A service that could not be stopped counts as stopped.",
    patches: [
      {
        file: LIFECYCLE,
        find: `    if (!ok) {\n      this.phase = "stuck";`,
        replace: `    if (false) {\n      this.phase = "stuck";`,
      },
    ],
    coveredBy:
      "A service that cannot be stopped runs on whatever is believed of it; the difference is that people are told.",
    goldenCase: "A service that does not stop: the gate is closed, the node is stuck and barred, the others may take",
  },
  {
    name: "two-actions-at-once",
    breaks: "An action of a service begins while another one of it still runs.",
    patches: [{ file: LIFECYCLE, find: "if (now < this.pending.limit) return {};", replace: "" }],
    caughtBy: ["services", "served after healing"],
    within: 60,
  },
  {
    name: "gate-before-services",
    breaks: "The gate opens before the services run.",
    patches: [
      {
        file: "core/node/group.ts",
        find: `this.started = this.lifecycle.phase === "running";`,
        replace: "this.started = true;",
      },
    ],
    caughtBy: ["services", "served after healing"],
    within: 60,
  },
  {
    name: "failed-start-stays",
    breaks: "A group whose service cannot be started stays where it is, with its gate closed.",
    patches: [{ file: "core/node/group.ts", find: "if (!news.final) return;", replace: "return;" }],
    caughtBy: ["scenario"],
    within: 20,
    trial: "barred",
  },
];
