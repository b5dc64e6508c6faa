/** A lab with a balancer on all nodes, people who use its site, and the cluster file in the operator's hands. */

import { equal } from "node:assert/strict";
import { copyFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ReloadAnswer } from "../../api/balancer.ts";
import { until } from "../clock.ts";
import { renderClusterFile } from "../cluster-file.ts";
import type { ClusterFile, Value } from "../cluster-file.ts";
import type { Lab, UpOptions } from "../lab.ts";
import { withLab } from "../lab.ts";
import { PUBLIC_VIP } from "../plan.ts";
import type { Answer, Question } from "../traffic/ask.ts";
import { makeCertificate, joinFiles } from "../traffic/certificates.fixture.ts";
import { describeFailures } from "../traffic/request-load.ts";
import type { Failure, LoadOptions, LoadReport } from "../traffic/request-load.ts";
import type { Visitors } from "../traffic/visitors.ts";

export const SITE = "lab.test";
export const HTTPS = 443;
const LAST_EVENTS = 60;
const RELOAD_LIMIT_MS = 30_000;
/** Where a node sees its certificate. */
const CERTIFICATE = "/run/lab/site.pem";

/** The balancer's part of a cluster file, to be changed in place. */
export interface BalancerFile {
  sites: Record<string, Record<string, Value | undefined>>;
  pools: Record<string, Record<string, Value | undefined>>;
  [key: string]: Value | Record<string, Record<string, Value | undefined>> | undefined;
}

export interface BalancedOptions extends Pick<UpOptions, "nodes" | "environment"> {
  readonly engine: "haproxy" | "nginx";
  readonly tls?: boolean;
  readonly change?: (balancer: BalancerFile) => void;
  /** Files that all nodes see below `/run/lab`. */
  readonly files?: Readonly<Record<string, string>>;
}

export class BalancedSite {
  readonly lab: Lab;
  readonly visitors: Visitors;
  readonly #files: ReadonlyMap<string, ClusterFile>;

  constructor(lab: Lab, visitors: Visitors, files: ReadonlyMap<string, ClusterFile>) {
    this.lab = lab;
    this.visitors = visitors;
    this.#files = files;
  }

  ask(path: string, question: Partial<Question> = {}): Promise<Answer> {
    return this.visitors.call("ask", { address: PUBLIC_VIP, port: 80, host: SITE, path, ...question });
  }

  startLoad(options: Partial<LoadOptions> = {}): Promise<void> {
    return this.visitors.call("startLoad", {
      address: PUBLIC_VIP,
      port: 80,
      host: SITE,
      perSecond: 500,
      newConnections: 0.5,
      visitors: 40,
      requests: [
        { method: "GET", path: "/" },
        { method: "GET", path: "/page?ms=5" },
        { method: "POST", path: "/form", bodyBytes: 500 },
      ],
      ...options,
    });
  }

  /** Waits until so many more good answers came. */
  async answers(count: number): Promise<void> {
    const { answered } = await this.visitors.call("report");
    await until(
      `${count} more answers`,
      async () => (await this.visitors.call("report")).answered >= answered + count,
      {
        everyMs: 50,
        limitMs: 20_000,
      },
    );
  }

  /** Members that answer so many people without a cookie. */
  async spread(count: number): Promise<string[]> {
    const seen = new Set<string>();
    for (let index = 0; index < count; index += 1) seen.add((await this.ask("/")).member ?? "none");
    return [...seen].sort();
  }

  /** Writes the file on all nodes with this change. */
  write(change: (balancer: BalancerFile) => void): void {
    for (const [node, file] of this.#files) {
      change(file["balancer"] as unknown as BalancerFile);
      writeFileSync(this.lab.node(node).paths.clusterFile, renderClusterFile(file));
    }
  }

  /** The balancer's part of the file, the same on all nodes. */
  get balancer(): BalancerFile {
    const [file] = this.#files.values();
    return file?.["balancer"] as unknown as BalancerFile;
  }

  /** Puts the balancer's part back as it was. */
  restore(balancer: BalancerFile): void {
    for (const file of this.#files.values()) file["balancer"] = structuredClone(balancer) as unknown as Value;
    this.write(() => {});
  }

  /** Writes the file on all nodes with this text in the place of the whole. */
  writeText(change: (text: string) => string): void {
    for (const [node, file] of this.#files) {
      writeFileSync(this.lab.node(node).paths.clusterFile, change(renderClusterFile(file)));
    }
  }

  /** Changes the file and has all nodes read it again; through their sockets, because each command is a process. */
  async reloadWith(change: (balancer: BalancerFile) => void): Promise<void> {
    this.write(change);
    const limit = { timeoutMs: RELOAD_LIMIT_MS };
    const answers = await Promise.all(
      this.lab.nodes.map(({ name }) => this.lab.ask(name, "POST", "/v1/reload", {}, limit) as Promise<ReloadAnswer>),
    );
    for (const answer of answers) equal(answer.ok ? "" : JSON.stringify(answer.problems), "");
  }

  /** An Understudy command that must succeed. */
  async command(node: string, ...argv: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.lab.understudy(node, argv);
    equal(code, 0, `understudy ${argv.join(" ")}: ${stderr}`);
    return stdout;
  }

  /** Puts a file where all nodes see it as `/run/lab/NAME`. */
  put(name: string, content: string, mode = 0o600): string {
    for (const node of this.lab.nodes) writeFileSync(join(node.paths.directory, "etc", name), content, { mode });
    return `/run/lab/${name}`;
  }

  /** The file that a web server's check depends on. */
  setHealthy(node: string, isHealthy: boolean): void {
    const file = join(this.lab.node(node).paths.webDirectory, "check.txt");
    if (isHealthy) writeFileSync(file, "well\n");
    else rmSync(file);
  }
}

/** Makes the same certificate on all nodes. */
export function renewCertificate(lab: Lab, subject: string): void {
  const made = makeCertificate(lab.directory, "site", subject, [SITE]);
  const path = joinFiles(lab.directory, "site", made);
  for (const node of lab.nodes) copyOver(path, join(node.paths.directory, "etc/site.pem"));
}

/** As tools that renew certificates do: never a moment with half a file. */
function copyOver(from: string, to: string): void {
  copyFileSync(from, `${to}.new`);
  renameSync(`${to}.new`, to);
}

/** Builds the lab, waits until the site answers, uses it, and takes it down. */
export async function withBalancedSite<T>(
  { engine, tls = false, change, files: given = {}, ...rest }: BalancedOptions,
  use: (site: BalancedSite) => Promise<T>,
): Promise<T> {
  const files = new Map<string, ClusterFile>();
  const cluster = (file: ClusterFile, node: string): void => {
    const balancer = file["balancer"] as unknown as BalancerFile;
    const site = balancer.sites[SITE];
    if (tls && site !== undefined) {
      site["listen"] = [80, { port: HTTPS, tls: true }];
      site["tls"] = { certificates: CERTIFICATE };
    }
    balancer["access-log"] = "none";
    change?.(balancer);
    files.set(node, file);
  };
  return await withLab({ ...rest, balancer: engine, cluster, startDaemons: false }, async (lab) => {
    if (tls) renewCertificate(lab, "first");
    const site = new BalancedSite(lab, await lab.startVisitors(), files);
    // Pages are for everybody, everything else is a secret.
    for (const [name, content] of Object.entries(given))
      site.put(name, content, name.endsWith(".html") ? 0o644 : 0o600);
    for (const node of lab.nodes) await node.startDaemon();
    await lab.calm();
    try {
      return await use(site);
    } catch (error) {
      const told = await Promise.all(lab.nodes.map(({ name }) => lab.understudy(name, ["events"])));
      const lines = told.find(({ code }) => code === 0)?.stdout.split("\n") ?? [];
      const events = lines.slice(-LAST_EVENTS).join("\n");
      throw new Error(`${(error as Error).message}\n\nwhat the nodes recorded:\n${events}`, { cause: error });
    }
  });
}

/** No request failed but those that `mayFail` names. */
export function expectServed(report: LoadReport, mayFail: (failure: Failure) => boolean = () => false): void {
  const failures = report.failures.filter((failure) => !mayFail(failure));
  // Beyond the list's end nobody knows which they were.
  const failed = report.failed - (report.failures.length - failures.length);
  equal(describeFailures({ failed, failures }), "none failed");
}
