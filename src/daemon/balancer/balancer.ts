/**
 * The balancer of one daemon, wired: the engine's keeper, what the checks found, operators' wishes on disk and at the
 * other nodes, nodes in standby, and the files that certificates lie in. Whatever of it changes is made into one `Wanted`
 * (`core/balancer/effective.ts`) and given to the keeper.
 */

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";

import type { BalancerPort } from "../../api/backend.ts";
import type { BalancerView } from "../../api/balancer.ts";
import { effective, restingDrains } from "../../core/balancer/effective.ts";
import type { Facts } from "../../core/balancer/effective.ts";
import type { Wanted } from "../../core/balancer/wanted.ts";
import { memberId } from "../../core/balancer/wanted.ts";
import type { MemberWish } from "../../core/balancer/wishes.ts";
import { readWish } from "../../core/balancer/wishes.ts";
import type { Problem, Result } from "../../core/base/report.ts";
import { instant } from "../../core/base/time.ts";
import type { BalancerConfig } from "../../core/config/balancer.ts";
import { canonicalJson } from "../../core/config/canonical.ts";
import type { ClusterConfig } from "../../core/config/cluster.ts";
import type { Wish } from "../../core/membership/frame.ts";
import type { DecisionEvent } from "../../core/node/effects.ts";
import type { Applied, Engine, EngineFigures } from "../../host/engines/engine.ts";
import { findPortHolder } from "../../host/linux/port-holder.ts";
import type { PeerAnswer, Question } from "../control-client.ts";
import type { HeartPort } from "../heart-port.ts";
import type { Log } from "../log.ts";
import { MemberChecks } from "./checks.ts";
import { gatherPools } from "./gather.ts";
import { HealthWatch } from "./health-watch.ts";
import { Keeper } from "./keeper.ts";
import { MemberRequests } from "./member-requests.ts";
import { explainPortInUse } from "./port-in-use.ts";
import { ownProblems } from "./problems.ts";
import { summaryOf, viewOf } from "./view.ts";
import { filesOf, watchFiles } from "./watched-files.ts";
import { WishExchange } from "./wish-exchange.ts";
import type { WishStore } from "./wish-store.ts";

/** How often the engine's figures, and what it carries, are compared with what is known. */
const SYNC_EVERY_MS = 10_000;
/** Where engines send what `access-log: syslog` says. */
const LOG_SOCKET = "/dev/log";
/** For the engine's figures in an answer. */
const FIGURES_LIMIT_MS = 400;
/** At the daemon's orderly end: the addresses have moved away, so there is hardly anybody left to wait for. */
const STOP_GRACE_MS = 3_000;

export interface BalancerOptions {
  readonly config: ClusterConfig & { readonly balancer: BalancerConfig };
  readonly node: string;
  readonly engine: Engine;
  readonly heart: Pick<HeartPort, "post">;
  readonly store: WishStore;
  readonly ask: (node: string, question: Question) => Promise<PeerAnswer>;
  readonly record: (event: Omit<DecisionEvent, "at">) => void;
  readonly log: Log;
  /** Wishes that the heart knew from disk. */
  readonly wishes: readonly Wish[];
  /** For tests. */
  readonly lookEveryMs?: number;
  readonly warnAfterMs?: number;
  readonly syncEveryMs?: number;
  readonly logSocket?: string;
}

export class Balancer implements BalancerPort {
  readonly #options: BalancerOptions;
  readonly #keeper: Keeper;
  readonly #health: HealthWatch;
  readonly #exchange: WishExchange;
  readonly #requests: MemberRequests;
  readonly #ends: (() => void)[] = [];
  #checks: MemberChecks | undefined;
  #config: BalancerConfig;
  #configHash: string;
  #standby: ReadonlySet<string>;
  #wantedText = "";
  /** Drains that do not count for now. */
  #resting: readonly string[] = [];
  #isBegun = false;

  constructor(options: BalancerOptions) {
    const { node, engine, record, store } = options;
    this.#options = options;
    this.#config = options.config.balancer;
    this.#configHash = hashOf(this.#config);
    this.#standby = standbyIn(options.wishes);
    this.#health = new HealthWatch({
      node,
      record,
      changed: () => this.#reconsider(),
      now: () => instant(performance.now()),
    });
    this.#keeper = new Keeper({
      engine,
      node,
      record,
      judged: (verdict, detail) => this.#judged(verdict, detail),
      begun: () => void this.#sync(),
      explain: explainHere,
    });
    const peers = options.config.nodes.map(({ name }) => name).filter((name) => name !== node);
    const { warnAfterMs } = options;
    this.#exchange = new WishExchange({
      peers,
      store,
      ask: options.ask,
      ...(warnAfterMs === undefined ? {} : { warnAfterMs }),
    });
    this.#requests = new MemberRequests({
      node,
      config: () => this.#config,
      facts: () => this.#facts(),
      store,
      exchange: this.#exchange,
      record,
    });
    store.onChange(() => this.#reconsider());
  }

  /** Begins; never rejects, because a node without its engine must still say so. */
  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      const detail = `the balancer could not be started: ${(error as Error).message}`;
      this.#options.log.error(detail);
      this.#judged("down", detail);
    }
  }

  async #start(): Promise<void> {
    const { engine, lookEveryMs } = this.#options;
    this.#health.watch(this.#config.pools);
    this.#warnOfLostLog();
    if (engine.name === "nginx") {
      // It has no checks of its own.
      const checks = new MemberChecks({ changed: (news) => this.#health.heard(news) });
      checks.watch(this.#config.pools);
      this.#checks = checks;
      this.#ends.push(() => checks.close());
    }
    this.#ends.push(
      engine.follow((news) => {
        if (news.kind === "member") this.#health.heard(news);
      }),
    );
    const syncing = setInterval(() => void this.#sync(), this.#options.syncEveryMs ?? SYNC_EVERY_MS);
    syncing.unref();
    this.#ends.push(
      () => clearInterval(syncing),
      watchFiles({
        files: () => filesOf(this.#config),
        changed: (paths) => this.#filesChanged(paths),
        ...(lookEveryMs === undefined ? {} : { everyMs: lookEveryMs }),
      }),
    );
    this.#exchange.start();
    const wanted = this.wanted();
    this.#wantedText = JSON.stringify(wanted);
    this.#isBegun = true;
    await this.#keeper.start(wanted);
  }

  /** The heart knows other wishes about nodes now. */
  heardWishes(wishes: readonly Wish[]): void {
    const standby = standbyIn(wishes);
    if (standby.size === this.#standby.size && [...standby].every((node) => this.#standby.has(node))) return;
    this.#standby = standby;
    this.#reconsider();
  }

  /** What the heart decided may be news for the exchange of wishes. */
  heardEvent({ reason, node }: Pick<DecisionEvent, "reason" | "node">): void {
    if ((reason === "PEER_UP" || reason === "PEER_RESTARTED") && node !== undefined) this.#exchange.cameBack(node);
  }

  get config(): BalancerConfig {
    return this.#config;
  }

  /** What this node's engine should carry now. */
  wanted(config: BalancerConfig = this.#config): Wanted {
    return effective(config, this.#facts());
  }

  /** Lets the engine itself look at another config; nothing changes. */
  async check(config: BalancerConfig): Promise<Result<void>> {
    const checked = await this.#options.engine.check(this.wanted(config));
    return checked.ok ? checked : { ok: false, problems: await Promise.all(checked.problems.map(explainHere)) };
  }

  /** Goes over to another config of the same engine; a refused one changes nothing. */
  async adoptConfig(config: BalancerConfig): Promise<Result<Applied>> {
    const before = this.#config;
    // At once: what is wished meanwhile must not bring the former config back for a moment.
    this.#take(config);
    const applied = await this.#keeper.apply(this.wanted());
    if (!applied.ok) {
      this.#take(before);
      this.#keeper.want(this.wanted());
      return applied;
    }
    this.#health.watch(config.pools);
    this.#checks?.watch(config.pools);
    this.#warnOfLostLog();
    this.#reconsider();
    return applied;
  }

  #take(config: BalancerConfig): void {
    this.#config = config;
    this.#configHash = hashOf(config);
  }

  async view(): Promise<BalancerView> {
    const { node, engine, store } = this.#options;
    const asked = this.#keeper.state.state === "running" ? await this.#figures() : undefined;
    // Now, and not when the question was asked: it may have died over it.
    const keeper = this.#keeper.state;
    const figures = keeper.state === "running" ? asked : undefined;
    const wanted = this.wanted();
    const parts = { node, wanted, configHash: this.#configHash, keeper, figures, health: this.#health, problems: [] };
    const view = viewOf(parts);
    const unheard = this.#exchange.unheard();
    const facts = { node, engine: engine.name, keeper, pools: view.pools, wishes: store.book, unheard };
    return { ...view, problems: ownProblems(facts) };
  }

  summary: BalancerPort["summary"] = async () => summaryOf(await this.view());

  pools: BalancerPort["pools"] = async () => {
    const { config, node, ask } = this.#options;
    return await gatherPools({ config, node, ask, own: () => this.view() });
  };

  wishes: BalancerPort["wishes"] = async () => [...this.#options.store.book.values()];

  tell: BalancerPort["tell"] = async (told, from) => {
    const { store } = this.#options;
    // A newer version may wish what is not known here yet: the rest counts all the same.
    const wishes = told.flatMap((value) => readWish(value) ?? []);
    await store.take(wishes);
    this.#exchange.told(from, wishes);
    return wishes.flatMap((wish) => {
      const mine = store.book.get(wish.key);
      return mine === undefined || isSame(mine, wish) ? [] : [mine];
    });
  };

  drain: BalancerPort["drain"] = (request) => this.#requests.drain(request);

  weight: BalancerPort["weight"] = (request) => this.#requests.weight(request);

  /** The daemon's orderly end, after the groups have moved. */
  async stop(): Promise<void> {
    this.#close();
    await this.#keeper.stop(Math.min(this.#config.oldWorkersMs, STOP_GRACE_MS));
  }

  /** Lets the engine go on alone. */
  release(): void {
    this.#close();
    this.#keeper.release();
  }

  #close(): void {
    for (const end of this.#ends.toReversed()) end();
    this.#exchange.close();
    this.#health.close();
    this.#options.store.close();
  }

  #facts(): Facts {
    return { wishes: this.#options.store.book, standby: this.#standby, findings: this.#health.findings };
  }

  /** Something changed: perhaps the engine should carry something else. */
  #reconsider(): void {
    if (!this.#isBegun) return;
    const wanted = this.wanted();
    this.#tellResting(wanted);
    const text = JSON.stringify([wanted.members, wanted.servingAll]) + this.#configHash;
    if (text === this.#wantedText) return;
    this.#wantedText = text;
    this.#keeper.want(wanted);
  }

  /** Engines do not complain: they go on as if somebody read it. */
  #warnOfLostLog(): void {
    const { log, logSocket = LOG_SOCKET } = this.#options;
    if (this.#config.accessLog.kind !== "syslog" || existsSync(logSocket)) return;
    log.warn(`the access log goes nowhere: there is no ${logSocket}`, {
      next: "start a syslog service, such as systemd-journald or rsyslog, or write `access-log: none`",
    });
  }

  #tellResting(wanted: Wanted): void {
    const { node, record, store } = this.#options;
    const before = this.#resting;
    this.#resting = restingDrains(wanted, store.book);
    const about = { group: undefined, node, link: undefined } as const;
    for (const member of this.#resting.filter((id) => !before.includes(id)))
      record({ severity: "alert", reason: "DRAIN_RESTS", ...about, facts: { member } });
    const counting = new Set(wanted.members.filter(({ drain }) => drain === "operator").map(memberId));
    for (const member of before.filter((id) => counting.has(id)))
      record({ severity: "info", reason: "DRAIN_COUNTS", ...about, facts: { member } });
  }

  #filesChanged(paths: readonly string[]): void {
    this.#options.log.info("files of the balancer changed", { paths: paths.slice(0, 10), count: paths.length });
    this.#keeper.want(this.wanted());
  }

  #judged(verdict: "up" | "down" | "unknown", detail: string): void {
    const { config, heart } = this.#options;
    for (const { name, check } of config.monitors) {
      if (check.kind === "balancer") heart.post({ kind: "monitor", monitor: name, verdict, detail });
    }
  }

  async #sync(): Promise<void> {
    const figures = this.#keeper.state.state === "running" ? await this.#figures() : undefined;
    if (figures === undefined) return;
    this.#health.sync(figures.members);
    const isAltered = await this.#options.engine.isAltered?.().catch(() => false);
    if (isAltered === true) this.#keeper.want(this.wanted());
  }

  async #figures(): Promise<EngineFigures | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), FIGURES_LIMIT_MS);
    });
    const figures = this.#options.engine.figures().catch(() => undefined);
    const answer = await Promise.race([figures, limit]);
    clearTimeout(timer);
    return answer;
  }
}

function explainHere(problem: Problem): Promise<Problem> {
  // What /proc does not tell is no reason to say nothing.
  return explainPortInUse(problem, (port) => findPortHolder(port).catch(() => undefined));
}

function standbyIn(wishes: readonly Wish[]): ReadonlySet<string> {
  const prefix = "standby/";
  const on = wishes.filter(({ key, value }) => key.startsWith(prefix) && value === "on");
  return new Set(on.map(({ key }) => key.slice(prefix.length)));
}

function isSame(a: MemberWish, b: MemberWish): boolean {
  return a.version === b.version && a.value === b.value && a.node === b.node;
}

function hashOf(config: BalancerConfig): string {
  return createHash("sha256").update(canonicalJson(config)).digest("hex");
}
