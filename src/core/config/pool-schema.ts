/**
 * Pools and members as people write them in the cluster file, with every setting's description, default and example.
 * What must fit together across the file is checked in `pool-references.ts`.
 */

import { z } from "zod";
import {
  checkRequestSetting,
  cookieSetting,
  expectedTextSetting,
  memberAddressSetting,
  statusSetting,
  statusTextSetting,
  hostNameSetting,
} from "./balancer-values.ts";
import { accept, booleanSetting, describeValue, durationSetting, integerSetting, refuse } from "./setting.ts";
import { setting, wordSetting } from "./setting.ts";
import { nameSetting } from "./values.ts";

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const DAY = 24 * HOUR;

const MAX_WEIGHT = 256;
/** Of members that are written as a port or an address. */
export const DEFAULT_WEIGHT = 100;
const MAX_CONNECTIONS = 1_000_000;

function portSetting(description: string, example: number) {
  return integerSetting({ description, example }, 1, 65_535);
}

export const MemberFile = z
  .union([
    portSetting("The port, on the first address of the node that has the member's name.", 8_000),
    memberAddressSetting({ description: "The address with its port.", example: "10.0.0.11:8000" }, false),
    z.strictObject({
      address: memberAddressSetting(
        {
          description:
            "Where the member answers; an IPv6 address with a port needs brackets. Default: the first address of its node.",
          example: "10.0.0.11:8000",
        },
        true,
      ).optional(),
      port: portSetting("The port, when `address` has none.", 8_000).optional(),
      node: nameSetting({
        description:
          "The cluster's node that the member runs on: `standby` of the node drains it. Default: the node that has the member's name, or its address.",
        example: "srv1",
      }).optional(),
      weight: integerSetting(
        { description: "Share of new visitors, compared with the other members'.", example: 50 },
        1,
        MAX_WEIGHT,
      ).prefault(DEFAULT_WEIGHT),
      backup: booleanSetting({
        description: "Gets visitors only while no other member is up.",
        example: true,
      }).prefault(false),
      connections: integerSetting(
        {
          description:
            "Connections that each node's engine makes to the member at a time; what is above waits in a queue.",
          example: 200,
        },
        1,
        MAX_CONNECTIONS,
      ).optional(),
      cookie: cookieSetting({
        description:
          "What the sticky cookie says for this member. Default: its name. A backup on the same machine may share it.",
        example: "A",
      }).optional(),
    }),
  ])
  .meta({
    description: "One server that answers requests: a port, an address with a port, or a mapping.",
    samples: ["10.0.0.11:8000", 8_000, { address: "10.0.0.12:8000", weight: 50 }],
  });

export const StickyFile = z
  .union([
    wordSetting({ description: "By the visitor's address.", example: "source" }, ["source", "none"]),
    z.strictObject({
      cookie: cookieSetting({
        description: "Name of a cookie that the engine sets and keeps for itself: members do not see it.",
        example: "SERVERID",
      }).optional(),
      "app-cookie": cookieSetting({
        description:
          "Name of a cookie that the application sets; the engine marks it with the member, and the application sees it unmarked.",
        example: "JSESSIONID",
      }).optional(),
      secure: booleanSetting({
        description:
          "Browsers send the engine's cookie over TLS only. Default: true when every site of the pool reaches it over TLS only.",
        example: true,
      }).optional(),
      "http-only": booleanSetting({
        description: "Scripts in the browser do not see the engine's cookie. Default: true.",
        example: true,
      }).optional(),
    }),
  ])
  .prefault("none")
  .meta({
    description:
      "Whether a visitor stays with the member that served first: by a cookie of the engine, by the application's own cookie, or by the visitor's address (`source`: the same member from every node, without a table). Exactly one.",
    samples: [{ cookie: "SERVERID" }, { "app-cookie": "JSESSIONID" }, "source"],
  });

export const CheckFile = z
  .union([
    wordSetting({ description: "tcp or none", example: "tcp" }, ["tcp", "none"]),
    z.strictObject({
      http: checkRequestSetting({
        description: "Method (GET, HEAD or OPTIONS) and path of the request. Without it a connection is enough.",
        example: "HEAD /check.txt",
      }).optional(),
      host: hostNameSetting({
        description: "The `Host` of the request.",
        example: "www.example.com",
      }).optional(),
      status: z
        .union([
          statusSetting({ description: "The status code.", example: 200 }),
          statusTextSetting({ description: "Codes and ranges.", example: "200-399" }),
        ])
        .optional()
        .meta({
          description: "Statuses of a good answer. Default: 200-399.",
          samples: ["200-399", 200],
        }),
      text: expectedTextSetting({
        description: "Must occur in the body of the answer, whose status must be 200-399. Not together with `status`.",
        example: "database ok",
      }).optional(),
      every: durationSetting({ description: "How often.", example: "2s" }, 50, HOUR).prefault("2s"),
      timeout: durationSetting(
        {
          description: "A check that takes longer has failed. Default: 1s, or `every` when that is shorter.",
          example: "1s",
        },
        10,
        HOUR,
      ).optional(),
      fall: integerSetting({ description: "Failures in a row until the member is down.", example: 3 }, 1, 100).prefault(
        3,
      ),
      rise: integerSetting(
        { description: "Successes in a row until the member is up again.", example: 2 },
        1,
        100,
      ).prefault(2),
      port: portSetting("Asked instead of the member's own port.", 5_381).optional(),
    }),
  ])
  .prefault("tcp")
  .meta({
    description:
      "How every node's engine finds out whether a member answers: `tcp` (a connection is enough), an HTTP request, or `none`.",
    samples: [{ http: "HEAD /check.txt", every: "2s", fall: 3, rise: 2 }, "tcp"],
  });

export const PoolTimeoutsFile = z
  .strictObject({
    connect: durationSetting(
      { description: "For a connection to a member; then another attempt is made.", example: "5s" },
      10,
      10 * 60 * SECOND,
    ).prefault("5s"),
    server: durationSetting(
      { description: "Silence of a member until 504 is answered.", example: "60s" },
      10,
      DAY,
    ).prefault("60s"),
    queue: durationSetting(
      {
        description: "How long a request waits for a place at a member with a limit until 503 is answered.",
        example: "30s",
      },
      10,
      HOUR,
    ).prefault("30s"),
    tunnel: durationSetting(
      { description: "Silence on an upgraded connection, such as a WebSocket.", example: "1h" },
      SECOND,
      30 * DAY,
    ).prefault("1h"),
  })
  .prefault({})
  .meta({ description: "How long is waited for members.", samples: [{ connect: "5s", server: "60s" }] });

const panicShare = setting(
  {
    description:
      "When more than this share of the members fails within one check period, the checks are suspected: all members serve on, and an alert tells so. 1 switches it off.",
    example: 0.5,
    type: "number",
    minimum: 0.01,
    maximum: 1,
  },
  (value) => {
    const expected = "a number from 0.01 to 1, such as 0.5";
    if (typeof value !== "number") {
      const percent = typeof value === "string" ? /^([0-9]{1,3})%$/.exec(value)?.[1] : undefined;
      return refuse("CONFIG_WRONG_TYPE", `is ${describeValue(value)}`, {
        expected,
        ...(percent && { nearest: String(Number(percent) / 100) }),
      });
    }
    // NaN is no number that a comparison would refuse.
    if (!(value >= 0.01 && value <= 1)) return refuse("CONFIG_OUT_OF_RANGE", `is ${value}`, { expected });
    return accept(value);
  },
);

export const PoolFile = z
  .strictObject({
    members: z.record(nameSetting({ description: "The member's name.", example: "srv1" }), MemberFile).meta({
      description:
        "The servers, each with a name of its own. Their order is the same on all nodes and means something.",
      samples: [{ srv1: "10.0.0.11:8000", srv2: "10.0.0.12:8000" }],
    }),
    balance: wordSetting(
      {
        description:
          "Which member a new visitor gets: in turn by weight, the one with the fewest connections, by the visitor's address, or by the requested path. The last two hash consistently: a member that comes or goes moves only its own share. Default: roundrobin.",
        example: "roundrobin",
      },
      ["roundrobin", "leastconn", "source", "uri"],
    ).optional(),
    sticky: StickyFile,
    check: CheckFile,
    "panic-share": panicShare.prefault(0.5),
    retries: integerSetting(
      { description: "Further attempts after a connection to a member failed.", example: 3 },
      0,
      10,
    ).prefault(3),
    redispatch: booleanSetting({
      description: "The last attempts go to another member, even against the sticky cookie.",
      example: true,
    }).prefault(true),
    "slow-start": durationSetting(
      { description: "A member that came back gets its full share only after this time.", example: "30s" },
      0,
      HOUR,
    ).prefault("0s"),
    "max-queue": integerSetting(
      {
        description: "Requests that may wait for one member with a connection limit. Default: the engine's own.",
        example: 100,
      },
      1,
      1_000_000,
    ).optional(),
    timeouts: PoolTimeoutsFile,
  })
  .meta({
    description: "Members that answer alike.",
    samples: [{ members: { srv1: "10.0.0.11:8000", srv2: "10.0.0.12:8000" }, sticky: { cookie: "SERVERID" } }],
  });

export type MemberFileValue = z.output<typeof MemberFile>;
export type PoolFileValue = z.output<typeof PoolFile>;
