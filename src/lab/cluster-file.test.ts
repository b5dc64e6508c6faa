import { expect, test } from "vitest";
import { parse } from "yaml";
import { renderClusterFile } from "./cluster-file.ts";
import { labClusterFile } from "./plan.ts";

test("the lab's cluster file reads like one written by hand", () => {
  const file = labClusterFile({ nodes: ["srv1", "srv2"], ipv6: true, privateLink: true, key: "/tmp/lab/cluster.key" });
  expect(renderClusterFile(file)).toBe(`cluster: lab
key: /tmp/lab/cluster.key
nodes:
  srv1:
    address: 192.0.2.11
    links:
      - 10.0.0.11
      - "2001:db8:2::11"
  srv2:
    address: 192.0.2.12
    links:
      - 10.0.0.12
      - "2001:db8:2::12"
gateways:
  - 192.0.2.1
  - "2001:db8:2::1"
groups:
  www:
    prefer:
      - srv1
      - srv2
    failback: never
    requires:
      - web
    resources:
      - vip: 192.0.2.10/24
      - vip: "2001:db8:2::10/64"
monitors:
  web:
    http: "http://{address}:80/"
    every: 200ms
    timeout: 150ms
    fall: 2
    rise: 2
`);
});

test("a YAML reader gets back exactly what was described", () => {
  const file = {
    cluster: "on",
    key: "#no: comment",
    nodes: {},
    gateways: [],
    groups: {
      www: {
        prefer: ["1", "yes", "srv1"],
        failback: { after: "5m" },
        requires: [],
        resources: [
          { service: { name: "app", start: ["/bin/sh", "-c", "exit 0"], attempts: 3, deep: [{ a: [1, [2, 3]] }] } },
          { vip: "192.0.2.10/24" },
        ],
      },
    },
    monitors: {},
    heartbeat: { interval: "100ms", port: 694, odd: null, quoted: 'say "hi"\n' },
  };
  expect(parse(renderClusterFile(file))).toEqual(file);
});
