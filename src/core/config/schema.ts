/**
 * The cluster file as people write it: every setting with its description, unit, default and example, once.
 * `docs/reference/cluster-file.md` and the JSON Schema are generated from here. Names and addresses that must
 * exist elsewhere in the file are not checked here but in `references.ts`.
 */

import { z } from "zod";
import { MAX_ARGUMENTS, MAX_START_ATTEMPTS } from "../base/limits.ts";
import { BalancerFile } from "./balancer-schema.ts";
import { nearestWord } from "./nearest.ts";
import { accept, describeValue, durationSetting, integerSetting, refuse, setting } from "./setting.ts";
import type { Reading } from "./setting.ts";
import {
  addressSetting,
  argumentSetting,
  deviceSetting,
  nameSetting,
  pathSetting,
  urlSetting,
  vipSetting,
} from "./values.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

/** One server. */
export const NodeFile = z
  .strictObject({
    address: addressSetting({
      description:
        "The node's main address, already configured on it; heartbeat path number 0. The other nodes must reach it.",
      example: "192.0.2.11",
    }),
    links: z
      .array(addressSetting({ description: "An address of the node on one more network.", example: "10.0.0.11" }))
      .prefault([])
      .meta({
        description:
          "Further addresses of the node, one for each more network: heartbeat paths 1, 2 and so on. The order must be the same on all nodes. An IPv6 address beside an IPv4 one counts as a link of its own.",
        samples: [["10.0.0.11"]],
      }),
  })
  .meta({ description: "One server of the cluster.", samples: [{ address: "192.0.2.11", links: ["10.0.0.11"] }] });

export const HeartbeatFile = z
  .strictObject({
    interval: durationSetting(
      {
        description:
          "How often every node tells every other that it lives, on every link. Shorter sees a failure sooner and forgives less.",
        example: "100ms",
      },
      20,
      SECOND,
    ).prefault("100ms"),
    "initial-wait": durationSetting(
      {
        description:
          "How long a node that just started listens for others before it takes a group that nobody holds. It ends earlier when all nodes were heard.",
        example: "5s",
      },
      0,
      10 * MINUTE,
    ).prefault("5s"),
    port: integerSetting(
      { description: "UDP port of the heartbeats and TCP port of the nodes' control channel.", example: 694 },
      1,
      65_535,
    ).prefault(694),
  })
  .prefault({})
  .meta({ description: "How nodes tell each other that they live.", samples: [{ interval: "100ms" }] });

export const LeaseFile = z
  .strictObject({
    evidence: durationSetting(
      {
        description:
          "How long one proof that a node is connected (a peer's echo, a gateway's answer) lets it serve its virtual addresses. At least 20ms more than the interval.",
        example: "120ms",
      },
      30,
      2 * SECOND,
    ).prefault("120ms"),
    margin: durationSetting(
      {
        description:
          "What a taker waits in addition, for timers, the way through the network and clocks that run up to 5 % wrong.",
        example: "30ms",
      },
      10,
      2 * SECOND,
    ).prefault("30ms"),
  })
  .prefault({})
  .meta({
    description: "How long the right to serve lasts without news. `understudy check` shows the sum.",
    samples: [{ evidence: "120ms", margin: "30ms" }],
  });

export const ArbiterFile = setting(
  {
    description: "Who decides which node may serve when nodes lose sight of each other. `segment`: the network itself.",
    example: "segment",
    type: "string",
    enum: ["segment"],
  },
  (value) => {
    if (value === "segment") return accept({ kind: "segment" as const });
    const word = typeof value === "object" && value !== null ? Object.keys(value)[0] : value;
    if (word === "witness" || word === "etcd") {
      return refuse("CONFIG_NOT_AVAILABLE", `"${word}" is known but not available in this version`, {
        expected: "segment",
        next: "write `arbiter: segment`, or leave the line out",
      });
    }
    return refuse("CONFIG_BAD_WORD", `is ${describeValue(value)}`, { expected: "segment" });
  },
).prefault("segment");

const argv = z
  .array(argumentSetting({ description: "One argument.", example: "/usr/local/bin/app" }))
  .min(1)
  .max(MAX_ARGUMENTS);

function commandFile(description: string, example: readonly string[]) {
  return z
    .union([
      argv.meta({ description: "The program and its arguments." }),
      z.strictObject({
        command: argv.meta({
          description: "The program and its arguments, one by one. No shell takes part.",
          samples: [["/usr/local/bin/app", "start"]],
        }),
        timeout: durationSetting(
          {
            description: "After this time the program and all its children are killed: that is a failure.",
            example: "20s",
          },
          10,
          DAY,
        ).prefault("20s"),
      }),
    ])
    .meta({ description, samples: [example] });
}

export const ServiceFile = z
  .strictObject({
    name: nameSetting({ description: "Name of the service, unique in its group.", example: "app" }),
    start: commandFile("Starts the service and ends when it runs. Starting twice must be harmless.", [
      "/usr/local/bin/app",
      "start",
    ]),
    stop: commandFile("Stops the service and ends when it no longer runs. Stopping twice must be harmless.", [
      "/usr/local/bin/app",
      "stop",
    ]),
    status: commandFile("Exits 0 while the service runs. Without it, a service that dies later is not noticed.", [
      "/usr/local/bin/app",
      "status",
    ]).optional(),
    every: durationSetting(
      { description: "How often the status is asked while the service should run.", example: "5s" },
      100,
      DAY,
    ).prefault("5s"),
    attempts: integerSetting(
      { description: "Attempts to start before the group moves to another node.", example: 3 },
      1,
      MAX_START_ATTEMPTS,
    ).prefault(3),
  })
  .meta({
    description: "A program that is started, stopped and asked for its status by commands.",
    samples: [{ name: "app", start: ["/usr/local/bin/app", "start"], stop: ["/usr/local/bin/app", "stop"] }],
  });

const gatewayOfVip = addressSetting({ description: "A gateway on the VIP's network segment.", example: "192.0.2.1" });

export const VipFile = z
  .union([
    vipSetting({ description: "The address with its network's prefix length.", example: "192.0.2.10/24" }),
    z.strictObject({
      address: vipSetting({
        description:
          "The address with the prefix length of the network that it belongs to. On the device it stands alone, as /32 or /128.",
        example: "192.0.2.10/24",
      }),
      link: integerSetting(
        {
          description:
            "Number of the link that the VIP is on: 0 is the nodes' `address`, 1 the first of `links`. Default: the first link whose addresses all lie in the VIP's network.",
          example: 0,
        },
        0,
        7,
      ).optional(),
      device: deviceSetting({
        description: "Network device to put the VIP on. Default: the device that has the link's address.",
        example: "eth0",
      }).optional(),
      gateway: z
        .union([gatewayOfVip, z.array(gatewayOfVip)])
        .optional()
        .meta({
          description: "Gateway (or a list of them) on the VIP's segment. Default: those of `gateways` in its network.",
          samples: ["192.0.2.1"],
        }),
    }),
  ])
  .meta({
    description: "A virtual address: served by whichever node holds the group.",
    samples: ["192.0.2.10/24", { address: "192.0.2.10/24", device: "eth0", gateway: "192.0.2.1" }],
  });

export const VipResourceFile = z.strictObject({ vip: VipFile });
export const ServiceResourceFile = z.strictObject({ service: ServiceFile });
export const ResourceFile = z.union([VipResourceFile, ServiceResourceFile]).meta({
  description: "One resource; exactly one of the settings below.",
  samples: [{ vip: "192.0.2.10/24" }],
});

function readFailbackWord(value: unknown): Reading<{ readonly kind: "never" | "auto" }> {
  if (value === "never" || value === "auto") return accept({ kind: value });
  const expected = "never, auto or { after: 5m }";
  if (typeof value !== "string") return refuse("CONFIG_WRONG_TYPE", `is ${describeValue(value)}`, { expected });
  const nearest = nearestWord(value, ["never", "auto"]);
  return refuse("CONFIG_BAD_WORD", `is ${describeValue(value)}`, { expected, ...(nearest && { nearest }) });
}

export const FailbackFile = z
  .union([
    setting(
      { description: "never or auto", example: "never", type: "string", enum: ["never", "auto"] },
      readFailbackWord,
    ),
    z.strictObject({
      after: durationSetting(
        { description: "How long the preferred node must have been well before the group goes home.", example: "5m" },
        SECOND,
        30 * DAY,
      ),
    }),
  ])
  .prefault("never")
  .meta({
    description:
      "What happens when the preferred node is well again: `never` stays where it is, `auto` goes home at once, `{ after: 5m }` goes home once it has been well for so long.",
    samples: ["never", "auto", { after: "5m" }],
  });

export const PreferFile = z
  .array(nameSetting({ description: "A node.", example: "srv1" }))
  .min(1)
  .meta({
    description: "The nodes that may hold the group, the preferred first. Default: all nodes in the file's order.",
    samples: [["srv1", "srv2"]],
  });

export const RequiresFile = z
  .array(nameSetting({ description: "A monitor.", example: "web" }))
  .prefault([])
  .meta({
    description:
      "Monitors that must be up on a node before it may hold the group. One that fails everywhere moves nothing.",
    samples: [["web"]],
  });

export const GroupFile = z
  .strictObject({
    prefer: PreferFile.optional(),
    failback: FailbackFile,
    requires: RequiresFile,
    resources: z
      .array(ResourceFile)
      .min(1)
      .meta({
        description: "What belongs together: started in this order, stopped in reverse.",
        samples: [[{ vip: "192.0.2.10/24" }]],
      }),
  })
  .meta({
    description: "Resources that run together in exactly one place.",
    samples: [{ prefer: ["srv1", "srv2"], resources: [{ vip: "192.0.2.10/24" }] }],
  });

export const MonitorFile = z
  .strictObject({
    http: urlSetting({
      description:
        "Asked with GET; up when the answer's status is below 400. `{node}` and `{address}` stand for the node's.",
      example: "http://{address}:80/health",
    }).optional(),
    command: argv.optional().meta({
      description: "Up when the program exits 0. Arguments may hold `{node}` and `{address}`.",
      samples: [["/usr/local/bin/check-web", "{address}"]],
    }),
    every: durationSetting({ description: "How often the check runs.", example: "2s" }, 50, DAY).prefault("2s"),
    timeout: durationSetting({ description: "A check that takes longer has failed.", example: "1s" }, 10, DAY).prefault(
      "1s",
    ),
    fall: integerSetting({ description: "Failures in a row until the verdict is down.", example: 2 }, 1, 100).prefault(
      2,
    ),
    rise: integerSetting(
      { description: "Successes in a row until the verdict is up again.", example: 2 },
      1,
      100,
    ).prefault(2),
  })
  .meta({
    description: "A periodic check that every node runs about itself. Exactly one of `http` and `command`.",
    samples: [{ http: "http://{address}:80/health", every: "2s" }],
  });

const nodeName = nameSetting({ description: "The node's host name.", example: "srv1" });
const groupName = nameSetting({ description: "The group's name.", example: "www" });
const monitorName = nameSetting({ description: "The monitor's name.", example: "web" });

export const EverywhereFile = z
  .array(ServiceResourceFile)
  .prefault([])
  .meta({
    description: "Services that run on all nodes all the time.",
    samples: [
      [{ service: { name: "app", start: ["/usr/local/bin/app", "start"], stop: ["/usr/local/bin/app", "stop"] } }],
    ],
  });

export const GatewaysFile = z
  .array(addressSetting({ description: "A router's address.", example: "192.0.2.1" }))
  .prefault([])
  .meta({
    description:
      "Routers on the VIPs' networks. That one answers proves to a node that it is connected when its peer is silent. Default: found from each node's default routes.",
    samples: [["192.0.2.1"]],
  });

/** The whole file. */
export const ClusterFile = z
  .strictObject({
    cluster: nameSetting({
      description: "Name of the cluster. Heartbeats of other clusters are dropped.",
      example: "example-web",
    }),
    key: pathSetting({
      description:
        "File with the cluster's shared key, mode 0600, the same on all nodes; `understudy keygen` makes one.",
      example: "/etc/understudy/cluster.key",
    }).prefault("/etc/understudy/cluster.key"),
    nodes: z.record(nodeName, NodeFile).meta({
      description: "The servers. Their order breaks every tie, so it must be the same on all nodes.",
      samples: [{ srv1: { address: "192.0.2.11" }, srv2: { address: "192.0.2.12" } }],
    }),
    heartbeat: HeartbeatFile,
    lease: LeaseFile,
    arbiter: ArbiterFile,
    gateways: GatewaysFile,
    groups: z
      .record(groupName, GroupFile)
      .prefault({})
      .meta({
        description: "What must run in exactly one place.",
        samples: [{ www: { resources: [{ vip: "192.0.2.10/24" }] } }],
      }),
    everywhere: EverywhereFile,
    monitors: z
      .record(monitorName, MonitorFile)
      .prefault({})
      .meta({
        description: "Periodic checks; a group names those that it needs in `requires`.",
        samples: [{ web: { http: "http://{address}:80/health" } }],
      }),
    balancer: BalancerFile.optional(),
  })
  .meta({ title: "Understudy cluster file", description: "One file, the same on every node." });

export type NodeFileValue = z.output<typeof NodeFile>;
export type VipFileValue = z.output<typeof VipFile>;
export type ServiceFileValue = z.output<typeof ServiceFile>;
export type ResourceFileValue = z.output<typeof ResourceFile>;
export type MonitorFileValue = z.output<typeof MonitorFile>;
export type ClusterFileValue = z.output<typeof ClusterFile>;

/**
 * Settings that the design has and this version does not, by the path of the mapping (`*` for any one step):
 * whoever writes them is told so, and not that they are unknown.
 */
export const NOT_AVAILABLE: Readonly<Record<string, readonly string[]>> = {
  "": ["trees", "alerts"],
  "groups.*.resources.*": ["snat", "mount"],
  "groups.*.resources.*.vip": ["announce"],
  "groups.*.resources.*.service": ["systemd", "lsb", "ocf"],
  "everywhere.*": ["snat", "mount"],
  "everywhere.*.service": ["systemd", "lsb", "ocf"],
  "monitors.*": ["alerts"],
};
