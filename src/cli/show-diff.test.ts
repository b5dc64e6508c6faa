import { stripVTControlCharacters } from "node:util";

import { expect, test } from "vitest";

import { showDiff, type DiffReport } from "./show-diff.ts";

const NOTHING: DiffReport = {
  before: "/etc/understudy/cluster.yaml as srv1 runs it",
  after: "new.yaml",
  changes: [],
  files: [],
  how: [],
  atRisk: [],
};

test("two files that mean the same are told as such", () => {
  expect(stripVTControlCharacters(showDiff(NOTHING))).toMatchInlineSnapshot(`
    "new.yaml  compared with /etc/understudy/cluster.yaml as srv1 runs it

    nothing changes: both mean the same"
  `);
});

test("settings, lines, the way and the risk follow each other", () => {
  const report: DiffReport = {
    ...NOTHING,
    changes: [
      { part: "monitors", path: "monitors.httpd.every", before: "30s", after: "5s" },
      { part: "balancer", path: "balancer.sites.example.com.body-limit", before: "30MB", after: undefined },
      { part: "balancer", path: "balancer.pools.apache.members.srv3", before: undefined, after: "{ port: 8000 }" },
    ],
    files: [
      { path: "/run/x/haproxy.cfg", lines: ["--- a", "+++ b", "@@ -1 +1 @@ backend apache", "-old", "+new", " same"] },
    ],
    how: ["monitors, balancer: the daemon restarts and keeps its leases"],
    atRisk: [],
  };
  expect(stripVTControlCharacters(showDiff(report))).toMatchInlineSnapshot(`
    "new.yaml  compared with /etc/understudy/cluster.yaml as srv1 runs it

    monitors
      ~  monitors.httpd.every  30s -> 5s

    balancer
      -  balancer.sites.example.com.body-limit  30MB
      +  balancer.pools.apache.members.srv3     { port: 8000 }

    --- a
    +++ b
    @@ -1 +1 @@ backend apache
    -old
    +new
     same

    how
      monitors, balancer: the daemon restarts and keeps its leases

    at risk
      nobody: no connection is cut, and visitors keep their members"
  `);
});
