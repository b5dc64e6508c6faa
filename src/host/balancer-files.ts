/**
 * The files that a cluster file's balancer names, as this machine has them: certificates, keys, error pages, the
 * password of the page with figures, folders. Nothing is changed, and nothing is kept; whoever calls decides whether
 * a file that is not here is fatal (a node) or not (the machine of somebody who only checks).
 */

import { createPrivateKey, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { Problem, Severity } from "../core/base/report.ts";
import type { BalancerConfig, SiteConfig } from "../core/config/balancer.ts";
import type { ConfigPath, Positions } from "../core/config/source.ts";

/** Code words of what can be wrong with these files. */
export type BalancerFileCode =
  | "FILE_MISSING"
  | "FILE_UNREADABLE"
  | "CERTIFICATE_MALFORMED"
  | "CERTIFICATE_KEY_MALFORMED"
  | "CERTIFICATE_KEY_MISMATCH"
  | "CERTIFICATE_KEY_EXPOSED"
  | "CERTIFICATE_EXPIRED"
  | "CERTIFICATE_EXPIRES_SOON"
  | "CERTIFICATE_NOT_YET_VALID"
  | "CERTIFICATE_LACKS_NAME"
  | "CERTIFICATE_LACKS_CHAIN"
  | "ERROR_PAGE_TOO_LARGE"
  | "PASSWORD_EXPOSED"
  | "PASSWORD_MALFORMED"
  | "FOLDER_MISSING";

/** Codes that tell about this machine more than about the file: not fatal for somebody who only checks. */
export const ABSENT_CODES: readonly string[] = ["FILE_MISSING", "FILE_UNREADABLE", "FOLDER_MISSING"];

/** HAProxy answers from one buffer of 16 kB, which also holds the head. */
const MAX_ERROR_PAGE_BYTES = 15_000;
const MAX_FILE_BYTES = 1_048_576;
const EXPIRES_SOON_MS = 14 * 86_400_000;

interface FileOptions {
  /** Where the settings stand; without it problems name only the file. */
  readonly positions?: Positions;
  /** Wall clock in milliseconds, for the dates in certificates. */
  readonly now?: number;
}

/** Everything that is wrong or risky about the files of a balancer, each file once. Never throws. */
export function balancerFileProblems(balancer: BalancerConfig, options: FileOptions = {}): Problem[] {
  const inspector = new Inspector(balancer, options);
  for (const site of balancer.sites) inspector.site(site);
  inspector.rest();
  return inspector.problems;
}

type Content = { readonly ok: true; readonly bytes: Buffer; readonly mode: number } | { readonly ok: false };

interface Certificate {
  readonly leaf: X509Certificate;
  readonly count: number;
}

class Inspector {
  readonly problems: Problem[] = [];
  private readonly balancer: BalancerConfig;
  private readonly positions: Positions | undefined;
  private readonly now: number;
  private readonly contents = new Map<string, Content>();
  private readonly certificates = new Map<string, Certificate | undefined>();
  private readonly seen = new Set<string>();

  constructor(balancer: BalancerConfig, { positions, now = Date.now() }: FileOptions) {
    this.balancer = balancer;
    this.positions = positions;
    this.now = now;
  }

  site(site: SiteConfig): void {
    const path = ["balancer", "sites", site.name];
    const leaves = (site.tls?.certificates ?? []).map(({ certificate, key }, index) => {
      const base = [...path, "tls", "certificates"];
      const at = (word: string) => [[...base, index, word], [...base, index], [...base, word], base];
      return this.certificate(certificate, key, at);
    });
    // A file that could not be read may well hold the name.
    if (leaves.length > 0 && leaves.every((leaf) => leaf !== undefined)) this.names(site, leaves, path);
    for (const { status, path: file } of site.errorPages)
      this.errorPage(file, [[...path, "error-pages", String(status)]]);
    if (site.static !== undefined) {
      this.folder(site.static.root, [[...path, "static", "root"]], "warning");
      if (site.static.accessLog !== undefined)
        this.folder(dirname(site.static.accessLog), [[...path, "static", "access-log"]], "error");
    }
  }

  rest(): void {
    const { accessLog, stats } = this.balancer;
    if (accessLog.kind === "file") this.folder(dirname(accessLog.path), [["balancer", "access-log", "file"]], "error");
    if (stats !== undefined) this.password(stats.passwordFile, [["balancer", "stats", "password-file"]]);
  }

  private certificate(
    file: string,
    keyFile: string | undefined,
    at: (word: string) => ConfigPath[],
  ): X509Certificate | undefined {
    const certificate = this.chain(file, at("certificate"));
    const keyAt = keyFile === undefined ? at("certificate") : at("key");
    const key = this.key(keyFile ?? file, keyAt);
    if (certificate === undefined || key === undefined) return certificate?.leaf;
    if (!certificate.leaf.checkPrivateKey(key)) {
      this.tell("CERTIFICATE_KEY_MISMATCH", keyFile ?? file, keyAt, {
        message: `the key in ${keyFile ?? file} does not belong to the first certificate in ${file}`,
        next: "put the site's own certificate first, before its issuers, or name the key that belongs to it",
      });
    }
    return certificate.leaf;
  }

  private chain(file: string, at: readonly ConfigPath[]): Certificate | undefined {
    if (this.certificates.has(file)) return this.certificates.get(file);
    const certificate = this.readChain(file, at);
    this.certificates.set(file, certificate);
    if (certificate !== undefined) this.judge(file, certificate, at);
    return certificate;
  }

  private readChain(file: string, at: readonly ConfigPath[]): Certificate | undefined {
    const content = this.read(file, at);
    if (!content.ok) return undefined;
    const blocks = content.bytes.toString("latin1").match(CERTIFICATE_BLOCK) ?? [];
    try {
      const [leaf] = blocks.map((block) => new X509Certificate(block));
      if (leaf !== undefined) return { leaf, count: blocks.length };
    } catch {
      // Told below: the library's words help nobody.
    }
    this.tell("CERTIFICATE_MALFORMED", file, at, {
      message: blocks.length === 0 ? `${file} holds no certificate` : `a certificate in ${file} cannot be read`,
      next: "name a PEM file, which has lines `-----BEGIN CERTIFICATE-----`",
    });
    return undefined;
  }

  private judge(file: string, { leaf, count }: Certificate, at: readonly ConfigPath[]): void {
    const from = Date.parse(leaf.validFrom);
    const to = Date.parse(leaf.validTo);
    const day = (time: number) => new Date(time).toISOString().slice(0, 10);
    if (to < this.now)
      this.tell("CERTIFICATE_EXPIRED", file, at, {
        severity: "warning",
        message: `the certificate in ${file} expired on ${day(to)}: browsers refuse the site`,
        next: "renew it; the new file is taken over within seconds",
      });
    else if (to - this.now < EXPIRES_SOON_MS)
      this.tell("CERTIFICATE_EXPIRES_SOON", file, at, {
        severity: "warning",
        message: `the certificate in ${file} expires on ${day(to)}`,
        next: "renew it; the new file is taken over within seconds",
      });
    if (from > this.now)
      this.tell("CERTIFICATE_NOT_YET_VALID", file, at, {
        severity: "warning",
        message: `the certificate in ${file} is valid from ${day(from)} on`,
        next: "look at this machine's clock, or use the older certificate until then",
      });
    if (count === 1 && leaf.issuer !== leaf.subject)
      this.tell("CERTIFICATE_LACKS_CHAIN", file, at, {
        severity: "info",
        message: `${file} holds one certificate and none of its issuers: many programs refuse such a site`,
        next: "append the issuer's intermediate certificates, as in a fullchain.pem",
      });
  }

  private key(file: string, at: readonly ConfigPath[]): KeyObject | undefined {
    const content = this.read(file, at);
    if (!content.ok) return undefined;
    if ((content.mode & 0o007) !== 0)
      this.tell("CERTIFICATE_KEY_EXPOSED", file, at, {
        message: `${file} holds a key and has mode ${modeText(content.mode)}: every user of this machine can use it`,
        next: `chmod 600 ${file}`,
      });
    const block = PRIVATE_KEY_BLOCK.exec(content.bytes.toString("latin1"))?.[0];
    try {
      if (block !== undefined) return createPrivateKey(block);
    } catch {
      // Told below.
    }
    const isEncrypted = block !== undefined && /ENCRYPTED/.test(block);
    const why =
      block === undefined
        ? "holds no key"
        : isEncrypted
          ? "holds a key behind a passphrase"
          : "holds a key that cannot be read";
    this.tell("CERTIFICATE_KEY_MALFORMED", file, at, {
      message: `${file} ${why}`,
      next: isEncrypted
        ? "nobody is there to type it when a node starts: write the key without one, mode 0600"
        : "name the PEM file with the key as `key`, or append the key to the certificate's file",
    });
    return undefined;
  }

  /** Each name of a site must be in one of its certificates. */
  private names(site: SiteConfig, leaves: readonly X509Certificate[], path: ConfigPath): void {
    const asked = [
      ...site.names.map((name) => [name, name]),
      ...site.wildcards.map((name) => [name, name.replace("*", "x")]),
    ];
    const lacking = asked.filter(([, host = ""]) => !leaves.some((leaf) => leaf.checkHost(host) !== undefined));
    const [first] = lacking;
    if (first === undefined) return;
    const more = lacking.length > 1 ? ` and ${lacking.length - 1} more` : "";
    const file = site.tls?.certificates[0]?.certificate ?? "";
    this.tell("CERTIFICATE_LACKS_NAME", file, [[...path, "tls", "certificates"]], {
      severity: "warning",
      message: `no certificate of site ${site.name} is for ${first[0]}${more}: browsers refuse the site under that name`,
      next: "get a certificate with all names of the site",
      about: site.name,
    });
  }

  private errorPage(file: string, at: readonly ConfigPath[]): void {
    const content = this.read(file, at);
    if (!content.ok || this.balancer.engine !== "haproxy" || content.bytes.length <= MAX_ERROR_PAGE_BYTES) return;
    this.tell("ERROR_PAGE_TOO_LARGE", file, at, {
      message: `${file} has ${content.bytes.length} bytes, and haproxy answers at most ${MAX_ERROR_PAGE_BYTES}`,
      next: "leave pictures out, or link them from a server that is up",
    });
  }

  private password(file: string, at: readonly ConfigPath[]): void {
    const content = this.read(file, at);
    if (!content.ok) return;
    if ((content.mode & 0o077) !== 0)
      this.tell("PASSWORD_EXPOSED", file, at, {
        message: `${file} has mode ${modeText(content.mode)}: others than its owner can read the password`,
        next: `chmod 600 ${file}`,
      });
    // The line itself is a secret and is never shown.
    const [line = ""] = content.bytes.toString("latin1").split("\n");
    if (!/^[!-~]{1,128}$/.test(line.replace(/\r$/, "")))
      this.tell("PASSWORD_MALFORMED", file, at, {
        message: `the first line of ${file} is no password`,
        next: "write 1 to 128 ASCII characters without spaces",
      });
  }

  private folder(folder: string, at: readonly ConfigPath[], severity: Severity): void {
    try {
      if (statSync(folder).isDirectory()) return;
    } catch {
      // Told below.
    }
    this.tell("FOLDER_MISSING", folder, at, {
      severity,
      message: `there is no folder ${folder}`,
      next: `mkdir -p ${folder}`,
    });
  }

  private read(file: string, at: readonly ConfigPath[]): Content {
    const known = this.contents.get(file);
    if (known !== undefined) return known;
    const content = this.open(file, at);
    this.contents.set(file, content);
    return content;
  }

  private open(file: string, at: readonly ConfigPath[]): Content {
    let descriptor: number | undefined;
    const unreadable = (why: string): Content => {
      this.tell("FILE_UNREADABLE", file, at, { message: `${file} cannot be read: ${why}`, next: "correct the file" });
      return { ok: false };
    };
    try {
      // Without O_NONBLOCK a named pipe would hold us here for ever.
      descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
      const status = fstatSync(descriptor);
      if (!status.isFile()) return unreadable("it is no regular file");
      if (status.size > MAX_FILE_BYTES) return unreadable(`it has ${status.size} bytes`);
      return { ok: true, bytes: readFileSync(descriptor), mode: status.mode & 0o777 };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== "ENOENT" && code !== "ENOTDIR") return unreadable(message);
      this.tell("FILE_MISSING", file, at, { message: `there is no file ${file}`, next: "put it there, on every node" });
      return { ok: false };
    } finally {
      if (descriptor !== undefined) closeSync(descriptor);
    }
  }

  /** Once for each code and file, which many sites may share; or for each that it is `about`. */
  private tell(
    code: BalancerFileCode,
    file: string,
    at: readonly ConfigPath[],
    { about, ...text }: Pick<Problem, "message" | "next"> & { readonly severity?: Severity; readonly about?: string },
  ): void {
    const key = `${code} ${file} ${about ?? ""}`;
    if (this.seen.has(key)) return;
    this.seen.add(key);
    const position = at.map((path) => this.positions?.find(path)).find((found) => found !== undefined);
    this.problems.push({
      code,
      severity: "error",
      ...text,
      ...(position ? { at: position } : { subject: { file } }),
    });
  }
}

const CERTIFICATE_BLOCK = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]+-----END [A-Z0-9 ]+-----/g;
const PRIVATE_KEY_BLOCK = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]+?-----END [A-Z ]*PRIVATE KEY-----/;

function modeText(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}
