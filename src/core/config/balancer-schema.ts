/**
 * The balancer's part of the cluster file as people write it: what belongs to the whole engine. Sites are in
 * `site-schema.ts`, pools in `pool-schema.ts`.
 */

import { z } from "zod";
import {
  cookieSetting,
  filePathSetting,
  hostNameSetting,
  listenTextSetting,
  networkSetting,
  requestPathSetting,
} from "./balancer-values.ts";
import { PoolFile } from "./pool-schema.ts";
import { durationSetting, integerSetting, sizeSetting, wordSetting } from "./setting.ts";
import { SiteFile } from "./site-schema.ts";
import { nameSetting } from "./values.ts";

const SECOND = 1_000;
const DAY = 86_400 * SECOND;
const KILOBYTE = 1_024;
const MEGABYTE = 1_024 * KILOBYTE;

export const AccessLogFile = z
  .union([
    wordSetting({ description: "syslog or none", example: "syslog" }, ["syslog", "none"]),
    z.strictObject({
      file: filePathSetting({ description: "A log file (nginx only).", example: "/var/log/understudy/access.log" }),
    }),
  ])
  .prefault("syslog")
  .meta({
    description: "Where requests are logged, the visitor's address first: to the system's log, to a file, or nowhere.",
    samples: ["syslog", { file: "/var/log/understudy/access.log" }],
  });

export const StatsFile = z
  .strictObject({
    listen: z
      .union([
        integerSetting({ description: "A port on 127.0.0.1.", example: 8_404 }, 1, 65_535),
        listenTextSetting({ description: "An address with its port.", example: "10.0.0.11:8404" }),
      ])
      .prefault(8_404)
      .meta({ description: "Where the page is: a port on 127.0.0.1, or an address with its port.", samples: [8_404] }),
    path: requestPathSetting({ description: "Its path.", example: "/haproxy?stats" }).prefault("/stats"),
    user: cookieSetting({ description: "Name of the login.", example: "admin" }),
    "password-file": filePathSetting({
      description: "File with the password in its first line, mode 0600.",
      example: "/etc/understudy/stats.password",
    }),
  })
  .meta({
    description: "The engine's own page with figures, behind a login (haproxy only).",
    samples: [{ listen: 8_404, user: "admin", "password-file": "/etc/understudy/stats.password" }],
  });

export const NginxFile = z
  .strictObject({
    "body-buffer": sizeSetting(
      { description: "Part of a request's body that is kept in memory.", example: "128kB" },
      KILOBYTE,
      64 * MEGABYTE,
    ).prefault("128kB"),
    "header-buffer": sizeSetting(
      { description: "For the head of a member's answer; more is 502.", example: "4kB" },
      KILOBYTE,
      MEGABYTE,
    ).prefault("8kB"),
    buffers: z
      .strictObject({
        count: integerSetting({ description: "How many.", example: 4 }, 2, 1_024).prefault(4),
        size: sizeSetting({ description: "Each of this size.", example: "32kB" }, KILOBYTE, MEGABYTE).prefault("32kB"),
      })
      .prefault({})
      .meta({ description: "Buffers for one answer.", samples: [{ count: 4, size: "32kB" }] }),
    busy: sizeSetting(
      { description: "Part of the buffers that may wait for the visitor.", example: "64kB" },
      KILOBYTE,
      64 * MEGABYTE,
    ).prefault("64kB"),
    "temporary-write": sizeSetting(
      { description: "Written to a temporary file at once, when an answer exceeds the buffers.", example: "64kB" },
      KILOBYTE,
      64 * MEGABYTE,
    ).prefault("64kB"),
  })
  .meta({
    description: "Buffers of nginx; only with `engine: nginx`.",
    samples: [{ "body-buffer": "128kB", buffers: { count: 4, size: "32kB" } }],
  });

const siteName = hostNameSetting({ description: "The site's main name.", example: "example.com" });
const poolName = nameSetting({ description: "The pool's name.", example: "apache" });

export const EngineFile = wordSetting(
  {
    description:
      "The program that carries the traffic, on all nodes all the time. [Engines](engines.md) says what each can do.",
    example: "haproxy",
  },
  ["haproxy", "nginx"],
).prefault("haproxy");

/** Everything of the balancer but its sites and pools, which are also read one by one. */
const HEAD = {
  engine: EngineFile,
  "max-connections": integerSetting(
    {
      description:
        "Connections of visitors that one node serves at a time; further ones wait. The engine needs two open files for each.",
      example: 20_000,
    },
    10,
    1_000_000,
  ).prefault(8_000),
  "access-log": AccessLogFile,
  stats: StatsFile.optional(),
  trusted: z
    .array(networkSetting({ description: "A network or an address.", example: "10.0.0.0/8" }))
    .prefault([])
    .meta({
      description:
        "Proxies in front of this cluster, whose forwarded headers are believed. From everybody else they are dropped.",
      samples: [["10.0.0.0/8"]],
    }),
  "old-workers": durationSetting(
    {
      description: "How long connections of an older config may go on after a reload: downloads, WebSockets.",
      example: "30m",
    },
    SECOND,
    7 * DAY,
  ).prefault("30m"),
  nginx: NginxFile.optional(),
};

export const BalancerHeadFile = z.object(HEAD);

export const BalancerFile = z
  .strictObject({
    ...HEAD,
    sites: z.record(siteName, SiteFile).meta({
      description: "What is answered under which names.",
      samples: [{ "example.com": { aliases: ["www.example.com"], listen: 80, pool: "apache" } }],
    }),
    pools: z.record(poolName, PoolFile).meta({
      description: "Members that answer alike.",
      samples: [{ apache: { members: { srv1: "10.0.0.11:8000", srv2: "10.0.0.12:8000" } } }],
    }),
  })
  .meta({
    description:
      "Requests are balanced over web servers, by an engine that runs on every node. A group with a VIP that a site listens on requires the monitor `balancer`, which is up while the node's engine runs.",
    samples: [
      {
        engine: "haproxy",
        sites: { "example.com": { listen: 80, pool: "apache" } },
        pools: { apache: { members: { srv1: "10.0.0.11:8000", srv2: "10.0.0.12:8000" } } },
      },
    ],
  });

export type BalancerHeadValue = z.output<typeof BalancerHeadFile>;
