/**
 * Sites as people write them in the cluster file, with every setting's description, default and example. What must
 * fit together across the file is checked in `site-references.ts`.
 */

import { z } from "zod";
import { MAX_SITE_NAMES, MAX_SITE_RULES } from "../base/limits.ts";
import {
  aliasSetting,
  filePathSetting,
  headerNameSetting,
  headerValueSetting,
  hostNameSetting,
  listenAddressSetting,
  listenTextSetting,
  mediaTypeSetting,
  pathKeySetting,
  pathMatchSetting,
  redirectTargetSetting,
} from "./balancer-values.ts";
import {
  accept,
  booleanSetting,
  describeValue,
  durationSetting,
  integerSetting,
  refuse,
  setting,
  sizeSetting,
  textSetting,
  wordSetting,
} from "./setting.ts";
import type { Reading } from "./setting.ts";
import { nameSetting } from "./values.ts";

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const DAY = 24 * HOUR;
const MEGABYTE = 1_048_576;

const listenPort = integerSetting({ description: "A port.", example: 80 }, 1, 65_535);
const listenAddress = listenAddressSetting({ description: "An address.", example: "192.0.2.10" });

export const ListenEntryFile = z
  .union([
    listenPort.meta({ description: "The port on all VIPs of all groups." }),
    listenTextSetting({ description: "One address with its port.", example: "192.0.2.10:80" }),
    z.strictObject({
      port: integerSetting({ description: "The port.", example: 443 }, 1, 65_535),
      address: z
        .union([listenAddress, z.array(listenAddress).min(1).max(MAX_SITE_RULES)])
        .optional()
        .meta({
          description: "An address, or a list of them. Default: all VIPs of all groups.",
          samples: ["192.0.2.10"],
        }),
      tls: booleanSetting({
        description: "Whether visitors speak TLS here. Default: on port 443.",
        example: true,
      }).optional(),
    }),
  ])
  .meta({ description: "One place to listen.", samples: [80, "192.0.2.10:80", { port: 443, tls: true }] });

export const ListenFile = z
  .union([ListenEntryFile, z.array(ListenEntryFile).min(1).max(MAX_SITE_RULES)])
  .optional()
  .meta({
    description:
      "Where the site answers: a port (on all VIPs of all groups), an address with a port, a mapping, or a list of these. They are bound on every node, also while the VIP is elsewhere. `0.0.0.0:80` and `[::]:80`, in quotes, are all addresses of a family. Port 443 means TLS. Default: 80, and 443 when the site has `tls`.",
    samples: [80, [80, { port: 443, tls: true }], "192.0.2.10:80"],
  });

const certificatePath = filePathSetting({
  description: "PEM file with the certificate, the chain and the key.",
  example: "/etc/understudy/tls/example.com.pem",
});

const CertificateFile = z
  .union([
    certificatePath,
    z.strictObject({
      certificate: filePathSetting({
        description: "PEM file with the certificate, then the chain.",
        example: "/etc/letsencrypt/live/example.com/fullchain.pem",
      }),
      key: filePathSetting({
        description: "PEM file with the key. Default: the certificate's file holds it as well.",
        example: "/etc/letsencrypt/live/example.com/privkey.pem",
      }).optional(),
    }),
  ])
  .meta({ description: "One certificate.", samples: ["/etc/understudy/tls/example.com.pem"] });

const tlsVersion = setting(
  {
    description: "The oldest version of TLS that is spoken. Sites that share a port must agree.",
    example: "1.2",
    type: "string",
    enum: ["1.2", "1.3"],
  },
  (value): Reading<"1.2" | "1.3"> => {
    const text = String(value);
    if (text === "1.2" || text === "1.3") return accept(text);
    return refuse("CONFIG_BAD_WORD", `is ${describeValue(value)}`, { expected: "1.2 or 1.3" });
  },
);

export const TlsFile = z
  .strictObject({
    certificates: z.union([CertificateFile, z.array(CertificateFile).min(1).max(MAX_SITE_RULES)]).meta({
      description:
        "The certificate, or a list: each visitor gets the one with the name asked for, and the first without such a name. New content of the files is taken over within seconds.",
      samples: ["/etc/understudy/tls/example.com.pem"],
    }),
    http2: booleanSetting({
      description: "Whether HTTP/2 is spoken. Sites that share a port must agree.",
      example: true,
    }).prefault(true),
    "min-version": tlsVersion.prefault("1.2"),
  })
  .meta({
    description: "Certificates and versions for the ports with TLS.",
    samples: [{ certificates: "/etc/understudy/tls/example.com.pem" }],
  });

const REDIRECT_STATUSES = [301, 302, 303, 307, 308] as const;
type Status = (typeof REDIRECT_STATUSES)[number];

function redirectStatus(description: string) {
  const unit = "301, 302, 303, 307 or 308";
  const about = { description, example: 301, unit, type: "integer" as const, minimum: 301, maximum: 308 };
  return setting(about, (value): Reading<Status> => {
    const status = REDIRECT_STATUSES.find((known) => known === value);
    if (status !== undefined) return accept(status);
    const expected = REDIRECT_STATUSES.join(", ");
    return refuse(typeof value === "number" ? "CONFIG_BAD_STATUS" : "CONFIG_WRONG_TYPE", `is ${describeValue(value)}`, {
      expected,
    });
  });
}

export const RedirectFile = z
  .strictObject({
    from: pathMatchSetting({
      description: "Which paths: `/old` and all below it, `=/old` for this path only, `*.php` for an ending.",
      example: "/old",
    }),
    to: redirectTargetSetting({ description: "An absolute path or a whole URL.", example: "/new" }),
    status: redirectStatus("Status of the answer.").prefault(301),
    "keep-rest": booleanSetting({
      description: "Whether what follows the prefix, and the query, is appended. Default: yes for `/old`, else no.",
      example: true,
    }).optional(),
  })
  .meta({ description: "One redirect.", samples: [{ from: "/old", to: "/new" }] });

export const SiteTimeoutsFile = z
  .strictObject({
    client: durationSetting(
      {
        description:
          "Silence of a visitor until the connection is closed, also between two requests. With haproxy, sites that share a port must agree.",
        example: "60s",
      },
      100,
      DAY,
    ).prefault("60s"),
    server: durationSetting(
      { description: "Silence of a member until 504 is answered, instead of the pool's.", example: "2m" },
      10,
      DAY,
    ).optional(),
    tunnel: durationSetting(
      { description: "Silence on an upgraded connection, instead of the pool's.", example: "4h" },
      SECOND,
      30 * DAY,
    ).optional(),
  })
  .prefault({})
  .meta({ description: "How long is waited for visitors and members.", samples: [{ client: "60s" }] });

/** Statuses that engines answer themselves. */
export const ERROR_PAGE_STATUSES: readonly number[] = [400, 403, 404, 405, 408, 410, 413, 425, 429, 500, 502, 503, 504];

const errorStatus = textSetting(
  {
    description: "A status.",
    example: "503",
    pattern: "^[45][0-9]{2}$",
    expected: ERROR_PAGE_STATUSES.join(", "),
  },
  (text) =>
    ERROR_PAGE_STATUSES.map(String).includes(text)
      ? accept(text)
      : refuse("CONFIG_BAD_STATUS", `is ${describeValue(text)}`, { expected: ERROR_PAGE_STATUSES.join(", ") }),
);

const headerValue = z.union([
  headerValueSetting({ description: "The value.", example: "max-age=31536000" }),
  setting({ description: "Removes the header.", example: false, type: "boolean" }, (value) =>
    value === false
      ? accept(undefined)
      : refuse("CONFIG_WRONG_TYPE", `is ${describeValue(value)}`, { expected: "false, which removes the header" }),
  ),
]);

function headersFile(description: string, sample: object) {
  return z
    .record(headerNameSetting({ description: "The header's name.", example: "X-Frame-Options" }), headerValue)
    .prefault({})
    .meta({ description, samples: [sample] });
}

const staticMatch = pathMatchSetting({
  description: "`*.jpg` for an ending (upper or lower case), `/images` for a folder, `=/robots.txt` for one path.",
  example: "*.jpg",
});

export const StaticFile = z
  .strictObject({
    root: filePathSetting({
      description: "Folder that the request's path is looked up in.",
      example: "/home/websites/example.com",
    }),
    match: z
      .union([staticMatch, z.array(staticMatch).max(MAX_SITE_RULES)])
      .prefault([])
      .meta({
        description:
          "Which requests are looked up; the others go to the pool. Default: all but hidden files (a segment that begins with a dot, except `/.well-known/`) and sources of programs (`.php`, `.py`, `.sql`, `.bak` and the like), which are never served from the folder unless their ending is named here; hidden ones never.",
        samples: [["*.jpg", "*.png", "*.css", "*.js"]],
      }),
    fallback: booleanSetting({
      description: "What the folder lacks is asked of the pool; otherwise 404 is answered.",
      example: true,
    }).prefault(true),
    expires: durationSetting(
      { description: "How long browsers may keep the files.", example: "30d" },
      0,
      3_650 * DAY,
    ).optional(),
    "access-log": filePathSetting({
      description: "A log file of their own.",
      example: "/home/logs/example.com-access.log",
    }).optional(),
  })
  .meta({
    description: "Files that the engine serves itself (nginx only).",
    samples: [{ root: "/home/websites/example.com", match: ["*.jpg", "*.css"] }],
  });

const mediaType = mediaTypeSetting({ description: "A media type.", example: "text/css" });

/** What compresses well everywhere. */
export const COMPRESSED_TYPES: readonly string[] = [
  "text/html",
  "text/plain",
  "text/css",
  "text/javascript",
  "application/javascript",
  "application/json",
  "application/xml",
  "image/svg+xml",
];

export const CompressionFile = z
  .union([
    booleanSetting({ description: "With the usual types, or not at all.", example: true }),
    z.strictObject({
      types: z
        .array(mediaType)
        .min(1)
        .max(MAX_SITE_RULES)
        .prefault([...COMPRESSED_TYPES])
        .meta({ description: "Media types that are compressed.", samples: [["text/html", "text/css"]] }),
      "min-size": sizeSetting(
        { description: "Smaller answers are sent as they are (nginx only).", example: "1kB" },
        0,
        MEGABYTE,
      ).prefault("0B"),
    }),
  ])
  .prefault(false)
  .meta({ description: "Whether answers are compressed on the way to visitors.", samples: [true] });

export const RateLimitFile = z
  .strictObject({
    requests: integerSetting({ description: "Requests of one address.", example: 20 }, 1, 1_000_000),
    per: durationSetting({ description: "In this time.", example: "1s" }, 100, DAY).prefault("1s"),
    burst: integerSetting(
      { description: "Requests above the rate that may come at once.", example: 40 },
      0,
      1_000_000,
    ).prefault(0),
  })
  .meta({
    description: "Requests that one visitor's address may make; more are answered with 429.",
    samples: [{ requests: 20, per: "1s", burst: 40 }],
  });

const forwarded = wordSetting({ description: "One header.", example: "x-forwarded-for" }, [
  "x-forwarded-for",
  "x-real-ip",
  "x-forwarded-proto",
  "forwarded",
]);

const poolName = nameSetting({ description: "A pool.", example: "apache" });

export const SiteFile = z
  .strictObject({
    aliases: z
      .array(aliasSetting({ description: "A name, `*.example.com`, or `*`.", example: "www.example.com" }))
      .max(MAX_SITE_NAMES)
      .prefault([])
      .meta({
        description:
          "Further names: exact, `*.example.com` for every name below, `*` for all that no other site of the same port has. Without such a site they are answered 404.",
        samples: [["www.example.com", "*.example.com"]],
      }),
    listen: ListenFile,
    tls: TlsFile.optional(),
    pool: poolName.meta({ description: "The pool that answers.", samples: ["apache"] }),
    paths: z
      .record(pathKeySetting({ description: "Which paths.", example: "/api" }), poolName)
      .prefault({})
      .meta({
        description:
          "Pools for certain paths; the first that fits decides: `/api` and all below it, `=/login` for this path only, `*.php` for an ending.",
        samples: [{ "/api": "api", "*.php": "apache" }],
      }),
    "redirect-to-https": z
      .union([
        booleanSetting({ description: "With 301, or not at all.", example: true }),
        redirectStatus("With this status."),
      ])
      .prefault(false)
      .meta({ description: "Sends visitors of the ports without TLS to https.", samples: [true, 308] }),
    "redirect-to-name": z
      .union([
        hostNameSetting({ description: "The name, with 301.", example: "example.com" }),
        z.strictObject({
          name: hostNameSetting({ description: "One of the site's exact names.", example: "example.com" }),
          status: redirectStatus("Status of the answer.").prefault(301),
        }),
      ])
      .optional()
      .meta({
        description: "Sends visitors who asked for another name of the site to this one.",
        samples: ["example.com"],
      }),
    redirects: z
      .array(RedirectFile)
      .max(MAX_SITE_RULES)
      .prefault([])
      .meta({
        description: "Redirects by path; the first that fits decides. Looked at before `paths`.",
        samples: [[{ from: "/old", to: "/new" }]],
      }),
    "body-limit": sizeSetting(
      { description: "Larger bodies are refused with 413. Default: none.", example: "30MB" },
      1,
      1_024 * 1_024 * MEGABYTE,
    ).optional(),
    timeouts: SiteTimeoutsFile,
    "error-pages": z
      .record(
        errorStatus,
        filePathSetting({ description: "An HTML file.", example: "/etc/understudy/errors/503.html" }),
      )
      .prefault({})
      .meta({
        description: "HTML files for answers that the engine gives itself, by status.",
        samples: [{ 503: "/etc/understudy/errors/503.html" }],
      }),
    forward: z
      .array(forwarded)
      .prefault(["x-forwarded-for", "x-real-ip", "x-forwarded-proto"])
      .meta({
        description:
          "Headers that tell members about the visitor; `forwarded` is that of RFC 7239. What visitors send under these names is dropped, unless they come from `trusted`. `Host` is always kept.",
        samples: [["x-forwarded-for", "forwarded"]],
      }),
    "request-headers": headersFile(
      "Headers that members get with a fixed value, whatever the visitor sent; `false` removes one.",
      { "X-Site": "example", "X-Debug": false },
    ),
    "response-headers": headersFile(
      "Headers that visitors get with a fixed value, whatever the member said; `false` removes one.",
      { "Strict-Transport-Security": "max-age=31536000", "X-Powered-By": false },
    ),
    "access-log": booleanSetting({
      description: "Whether requests of this site are logged.",
      example: true,
    }).prefault(true),
    static: StaticFile.optional(),
    compression: CompressionFile,
    "rate-limit": RateLimitFile.optional(),
  })
  .meta({
    description: "What is answered under a name.",
    samples: [{ aliases: ["www.example.com"], listen: 80, pool: "apache" }],
  });

export type ListenEntryValue = z.output<typeof ListenEntryFile>;
export type TlsFileValue = z.output<typeof TlsFile>;
export type SiteFileValue = z.output<typeof SiteFile>;
