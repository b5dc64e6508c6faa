/**
 * One behaviour's place of work inside a network namespace: an engine with a folder of its own, web servers that
 * remember what they are asked, and addresses that nobody else uses, so that many benches work side by side.
 *
 * The engine is used through its port only, as the daemon does; what it is told is the model after parsing.
 */

import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type {
  BalancerConfig,
  EngineName,
  MemberConfig,
  PoolConfig,
  SiteConfig,
} from "../../src/core/config/balancer.ts";
import { memberId, wantedOf } from "../../src/core/balancer/wanted.ts";
import type { MemberWant, Wanted } from "../../src/core/balancer/wanted.ts";
import type { Result } from "../../src/core/base/report.ts";
import { instant } from "../../src/core/base/time.ts";
import { Applier } from "../../src/daemon/balancer/applier.ts";
import { createEngine } from "../../src/daemon/balancer/engines.ts";
import { HealthWatch } from "../../src/daemon/balancer/health-watch.ts";
import type { Applied, Engine, EngineNews, EngineOptions } from "../../src/host/engines/engine.ts";
import { pause, until } from "../../src/lab/clock.ts";
import { ask } from "../../src/lab/traffic/ask.ts";
import type { Answer, Question } from "../../src/lab/traffic/ask.ts";
import { RequestLoad } from "../../src/lab/traffic/request-load.ts";
import type { LoadOptions } from "../../src/lab/traffic/request-load.ts";
import { WebMember } from "../../src/lab/traffic/web-members.ts";
import { startChecks } from "./checks.ts";
import { balancerOf, memberOf, poolOf, siteOf } from "./model.ts";
import { refuseWhatIsLacking } from "./refusal.ts";
import type { SystemLog } from "./system-log.ts";

/** A member's weight, drain or health as the daemon would hand it to an engine. */
export type MemberChange = Partial<Omit<MemberWant, "pool" | "member">>;

export interface ServeOptions {
  readonly site?: Partial<SiteConfig>;
  readonly pool?: Partial<PoolConfig>;
  /** Names of the members that answer; made when they are not there. Default `one` and `two`. */
  readonly members?: readonly (string | ({ readonly name: string } & Partial<MemberConfig>))[];
  /** Beside the site `a.test` and its pool `web`. */
  readonly sites?: readonly SiteConfig[];
  readonly pools?: readonly PoolConfig[];
  readonly balancer?: Partial<BalancerConfig>;
}

/** The site's name that questions have unless they say otherwise. */
export const HOST = "a.test";
export const HTTP = 80;
export const HTTPS = 443;
const MEMBER_PORT = 8000;
const STOP_GRACE_MS = 100;
/** Findings are gathered for 20 ms, and so are changes. */
const SETTLE_MS = 60;

/** What all benches of a namespace share. */
export interface Place {
  readonly folder: string;
  readonly systemLog: SystemLog;
}

function directoryOf(number: number, { folder }: Place): string {
  return join(folder, String(number));
}

export class Bench implements AsyncDisposable {
  readonly number: number;
  readonly directory: string;
  /** On this machine from the beginning. */
  readonly vip: string;
  readonly vip6: string;
  engine: Engine;
  readonly engineOptions: EngineOptions;
  readonly news: EngineNews[] = [];
  readonly #members = new Map<string, WebMember>();
  readonly #changes = new Map<string, MemberChange>();
  #unfollow: () => void;
  readonly #others: Bench[] = [];
  readonly #loads: RequestLoad[] = [];
  readonly #place: Place;
  readonly #watch: HealthWatch;
  readonly #applier: Applier<Wanted, Result<Applied>>;
  #endChecks: (() => void) | undefined;
  #config: BalancerConfig | undefined;
  /** Pools that a person or a rule declares suspected, beside those that the checks show. */
  servingAll: string[] = [];

  private constructor(number: number, place: Place, engine: Engine, engineOptions: EngineOptions) {
    this.number = number;
    this.#place = place;
    this.directory = directoryOf(number, place);
    this.vip = `10.80.${number}.1`;
    this.vip6 = `fd80:${number}::1`;
    this.engineOptions = engineOptions;
    this.engine = engine;
    this.#unfollow = this.engine.follow((news) => this.#heard(news));
    this.#applier = new Applier({ apply: (wanted) => this.engine.apply(wanted) });
    // What the daemon does with findings, for engines with checks of their own and for those that we check for.
    this.#watch = new HealthWatch({
      node: "bench",
      record: () => {},
      changed: () => this.#applier.want(this.wanted),
      now: () => instant(performance.now()),
    });
  }

  static async open(name: EngineName, number: number, place: Place): Promise<Bench> {
    const directory = directoryOf(number, place);
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    const options: EngineOptions = { directory: join(directory, "engine"), run: "child", log: () => {} };
    const bench = new Bench(number, place, await createEngine(name, options), options);
    const probed = await bench.engine.probe();
    if (!probed.ok) throw new Error(probed.problems.map(({ message }) => message).join());
    await bench.addAddress(bench.vip);
    await bench.addAddress(bench.vip6);
    return bench;
  }

  /** An address that this machine does not have until it is added. */
  get absent(): string {
    return `10.81.${this.number}.1`;
  }

  get absent6(): string {
    return `fd81:${this.number}::1`;
  }

  /** An own address of a client, 1 to 200. */
  client(index: number): string {
    return `127.2.${this.number}.${index}`;
  }

  async addAddress(address: string): Promise<void> {
    const length = address.includes(":") ? 128 : 32;
    await promisify(execFile)("ip", ["address", "add", `${address}/${length}`, "dev", "lo"]);
  }

  /** A web server of this name; started when it is asked for first. */
  async member(name: string): Promise<WebMember> {
    const known = this.#members.get(name);
    if (known !== undefined) return known;
    const address = `127.1.${this.number}.${this.#members.size + 1}`;
    const member = new WebMember({ name, address, port: MEMBER_PORT });
    this.#members.set(name, member);
    await member.start();
    return member;
  }

  /** One that was asked for before. */
  at(name: string): WebMember {
    const member = this.#members.get(name);
    if (member === undefined) throw new Error(`no member ${name} on this bench`);
    return member;
  }

  /** A file of this bench with this content; answers its path. */
  file(name: string, content: string, mode = 0o644): string {
    const path = join(this.directory, name);
    mkdirSync(join(path, ".."), { recursive: true, mode: 0o755 });
    writeFileSync(path, content, { mode });
    return path;
  }

  read(name: string): string {
    return readFileSync(join(this.directory, name), "utf8");
  }

  get config(): BalancerConfig {
    if (this.#config === undefined) throw new Error("nothing is served yet");
    return this.#config;
  }

  /** Changes the config; nothing happens before `apply`. */
  set config(config: BalancerConfig) {
    this.#config = config;
  }

  /** Changes the only pool `web`, or the only site. */
  change({ pool, site }: { pool?: Partial<PoolConfig>; site?: Partial<SiteConfig> }): void {
    const [firstPool, ...pools] = this.config.pools;
    const [firstSite, ...sites] = this.config.sites;
    if (firstPool === undefined || firstSite === undefined) throw new Error("nothing is served yet");
    this.#config = {
      ...this.config,
      pools: [{ ...firstPool, ...pool }, ...pools],
      sites: [{ ...firstSite, ...site }, ...sites],
    };
  }

  /** The config of a site `a.test` on the VIPs, port 80, with a pool `web`; applied. */
  async serve(options: ServeOptions = {}): Promise<Applied> {
    this.#config = await this.configure(options);
    return await this.apply();
  }

  async configure({
    site,
    pool,
    members = ["one", "two"],
    sites = [],
    pools = [],
    balancer,
  }: ServeOptions): Promise<BalancerConfig> {
    const configs: MemberConfig[] = [];
    for (const member of members) {
      const { name, ...rest } = typeof member === "string" ? { name: member } : member;
      configs.push(memberOf(await this.member(name), rest));
    }
    const listen = [{ addresses: [this.vip, this.vip6], port: HTTP, tls: false }];
    return balancerOf(this.engine.name, {
      ...balancer,
      sites: [siteOf(HOST, { listen, ...site }), ...sites],
      pools: [poolOf("web", { members: configs, ...pool }), ...pools],
    });
  }

  /** What a person or a check says about a member; nothing happens before `apply`. */
  tell(member: string, change: MemberChange, pool = "web"): void {
    const key = `${pool}/${member}`;
    this.#changes.set(key, { ...this.#changes.get(key), ...change });
  }

  get wanted(): Wanted {
    const plain = wantedOf(this.config);
    const { down, servingAll } = this.#watch.findings;
    const members = plain.members.map((one) => {
      const isUp = this.config.engine !== "nginx" || servingAll.has(one.pool) || !down.has(memberId(one));
      return { ...one, isUp, ...this.#changes.get(memberId(one)) };
    });
    return { ...plain, members, servingAll: [...new Set([...this.servingAll, ...servingAll])] };
  }

  #heard(news: EngineNews): void {
    this.news.push(news);
    if (news.kind === "member") this.#watch.heard(news);
  }

  /** Lines of the machine's log about this bench's clients; of each only what begins with the client's address. */
  get logged(): string[] {
    return this.#place.systemLog.lines.flatMap((line) => {
      const at = line.search(
        new RegExp(`(127\\.[23]\\.${this.number}\\.|10\\.80\\.${this.number}\\.1\\b|192\\.0\\.2\\.${this.number}\\b)`),
      );
      return at < 0 ? [] : [line.slice(at)];
    });
  }

  /** Puts config and changes into effect. Throws with the engine's words, or when the engine lacks what they need. */
  async apply(): Promise<Applied> {
    refuseWhatIsLacking(this.config);
    const applied = await this.#applier.now(this.wanted);
    if (!applied.ok) throw new Error(applied.problems.map(({ code, message }) => `${code}: ${message}`).join("\n"));
    this.#watch.watch(this.config.pools);
    this.#endChecks?.();
    this.#endChecks = startChecks(this.config, (seen) => this.#watch.heard(seen));
    return applied.value;
  }

  /** Asks the site, on its VIP and port 80 unless the question says otherwise. */
  ask(path: string, question: Partial<Question> = {}): Promise<Answer> {
    return ask({ address: this.vip, port: HTTP, host: HOST, path, ...question });
  }

  /** Member that answers each of so many requests. */
  async spread(count: number, path = "/", question: Partial<Question> = {}): Promise<Record<string, number>> {
    const spread: Record<string, number> = {};
    for (let index = 0; index < count; index += 1) {
      const { member, status } = await this.ask(path, question);
      const key = member ?? `status ${status}`;
      spread[key] = (spread[key] ?? 0) + 1;
    }
    return spread;
  }

  /** Starts visitors on the VIP, port 80. */
  load(options: Partial<LoadOptions> = {}): RequestLoad {
    const load = new RequestLoad({
      address: this.vip,
      port: HTTP,
      host: HOST,
      perSecond: 200,
      newConnections: 0.5,
      requests: [
        { method: "GET", path: "/" },
        { method: "POST", path: "/form", bodyBytes: 200 },
      ],
      // nginx closes connections that rested for longer than it waits before a reload; browsers send a request again
      // that was on its way then (RFC 9112, 9.3.1). HAProxy must do without.
      asBrowser: this.engine.name === "nginx",
      ...options,
    });
    this.#loads.push(load);
    load.start();
    return load;
  }

  /** Waits until the checks say so about a member, the engine's own or ours. */
  async health(member: string, is: "up" | "down", { pool = "web", limitMs = 10_000 } = {}): Promise<void> {
    const says = async (): Promise<string> => {
      if (this.config.engine === "nginx")
        return this.#watch.of({ pool, member })?.isUp === (is === "up") ? is : "other";
      const { members } = await this.engine.figures();
      return members.find((one) => one.pool === pool && one.member === member)?.health ?? "unknown";
    };
    await until(`${pool}/${member} is ${is}`, async () => (await says()) === is, { limitMs });
    // What follows from it is wanted a moment later; an apply of what is wanted then waits for all before it.
    await pause(SETTLE_MS);
    await this.#applier.now(this.wanted);
  }

  /** Goes on with another self of the driver. */
  replaceEngine(next: Engine): void {
    this.#unfollow();
    this.engine = next;
    this.#unfollow = next.follow((news) => this.#heard(news));
  }

  /** A second node of the cluster: another engine with addresses of its own, before the same members. */
  async openSecond(number: number): Promise<Bench> {
    const second = await Bench.open(this.engine.name, number, this.#place);
    for (const [name, member] of this.#members) second.#members.set(name, member);
    this.#others.push(second);
    return second;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const other of this.#others) {
      other.#members.clear();
      await other[Symbol.asyncDispose]();
    }
    this.#endChecks?.();
    this.#unfollow();
    this.#watch.close();
    await this.#applier.close();
    for (const load of this.#loads) load.end();
    await this.engine.stop(STOP_GRACE_MS);
    for (const member of this.#members.values()) member.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
