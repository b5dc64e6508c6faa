/**
 * Keeps the engine running with what is wanted: starts or adopts it, puts changes into effect, brings it back when it
 * died (the first time at once, then with growing pauses), and says what this is worth: the verdict is `up` only while
 * the engine runs with a config that it accepted.
 *
 * A config that the engine refuses changes nothing: the one before stays in place, also for the next start, and the
 * refusal is kept with the engine's own words for operators. What it never does: end the engine because the daemon ends
 * without order.
 */

import { setTimeout as sleep } from "node:timers/promises";

import type { Problem, Result } from "../../core/base/report.ts";
import type { Verdict } from "../../core/base/words.ts";
import type { Wanted } from "../../core/balancer/wanted.ts";
import type { DecisionEvent } from "../../core/node/effects.ts";
import type { Applied, Engine, EngineNews } from "../../host/engines/engine.ts";
import { Applier } from "./applier.ts";

/** Before each further attempt to start it; the last one stays. */
const PAUSES_MS = [0, 250, 500, 1_000, 2_000, 5_000, 10_000, 30_000] as const;
/** After so long a life, the next death is a first one again. */
const CALM_MS = 60_000;
/** Said in the next step of what is refused, where it is so. */
export const RETRIED = "it is tried again by itself";
/** To end a hung or unwanted engine. */
const KILL_GRACE_MS = 0;

export interface KeeperOptions {
  readonly engine: Engine;
  readonly node: string;
  /** Every change of what the engine is worth. */
  readonly judged: (verdict: Verdict, detail: string) => void;
  readonly record: (event: Omit<DecisionEvent, "at">) => void;
  /** After every start and reload, when the engine's figures began anew, and after it was adopted. */
  readonly begun: () => void;
  /** Makes an engine's words clearer where this machine can tell more. */
  readonly explain: (problem: Problem) => Promise<Problem>;
  /** For tests. */
  readonly pausesMs?: readonly number[];
  readonly calmMs?: number;
  readonly now?: () => number;
}

export interface KeeperState {
  readonly state: "starting" | "running" | "down";
  readonly version: string | undefined;
  readonly reloads: number;
  /** Why it does not run, or what it refused. */
  readonly problems: readonly Problem[];
}

type Outcome = Result<Applied>;

export class Keeper {
  readonly #options: KeeperOptions;
  readonly #pauses: readonly number[];
  readonly #applier: Applier<Wanted, Outcome>;
  #unfollow: (() => void) | undefined;
  #state: KeeperState["state"] = "starting";
  #version: string | undefined;
  #reloads = 0;
  #problems: readonly Problem[] = [];
  #wanted: Wanted | undefined;
  /** What it runs with, or ran with last. */
  #accepted: Wanted | undefined;
  /** Starts that failed since it ran last. */
  #failures = 0;
  /** Deaths since the last calm time. */
  #deaths = 0;
  #startedAt = 0;
  /** It died and waits for its next start. */
  #isPausing = false;
  #isEnded = false;
  #ending = new AbortController();
  #judgement: string | undefined;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#pauses = options.pausesMs ?? PAUSES_MS;
    this.#applier = new Applier({ apply: (wanted) => this.#apply(wanted) });
  }

  get state(): KeeperState {
    return { state: this.#state, version: this.#version, reloads: this.#reloads, problems: this.#problems };
  }

  /** What it should carry, as far as it is known. */
  get wanted(): Wanted | undefined {
    return this.#wanted;
  }

  /** Begins; resolves when the engine runs or the first attempt failed, and goes on by itself then. */
  async start(wanted: Wanted): Promise<void> {
    this.#wanted = wanted;
    this.#unfollow = this.#options.engine.follow((news) => this.#heard(news));
    const isAdopted = await this.#options.engine.adopt(wanted).catch(() => false);
    if (isAdopted) {
      // An engine that runs was accepted with what it runs with, whoever started it.
      this.#runs("ENGINE_ADOPTED", {});
      this.#options.begun();
    }
    await this.#applier.now(this.#wanted);
  }

  /** Wants this from now on; takes effect soon. */
  want(wanted: Wanted): void {
    this.#wanted = wanted;
    if (!this.#isPausing) this.#applier.want(wanted);
  }

  /** Wants this, at once; resolves with the engine's answer. */
  async apply(wanted: Wanted): Promise<Outcome> {
    this.#wanted = wanted;
    return await this.#applier.now(wanted);
  }

  /** The daemon's orderly end: the engine ends after its connections, or `graceMs` later. */
  async stop(graceMs: number): Promise<void> {
    await this.#end();
    await this.#options.engine.stop(graceMs);
  }

  /** The daemon ends without order, or another self follows: the engine goes on. */
  release(): void {
    void this.#end();
    this.#options.engine.release();
  }

  async #end(): Promise<void> {
    this.#isEnded = true;
    this.#ending.abort();
    this.#unfollow?.();
    await this.#applier.close();
  }

  get #now(): number {
    return (this.#options.now ?? performance.now.bind(performance))();
  }

  async #apply(wanted: Wanted): Promise<Outcome> {
    const outcome = await this.#ask(wanted);
    if (this.#isEnded) return outcome;
    if (outcome.ok) this.#applied(wanted, outcome);
    else await this.#refused(wanted, outcome.problems);
    return outcome.ok ? outcome : { ok: false, problems: this.#problems };
  }

  async #ask(wanted: Wanted): Promise<Outcome> {
    const { engine } = this.#options;
    try {
      if (this.#version === undefined) {
        const probed = await engine.probe();
        if (!probed.ok) return probed;
        this.#version = probed.value.version;
      }
      return await engine.apply(wanted);
    } catch (error) {
      return { ok: false, problems: [failure(engine.name, error as NodeJS.ErrnoException)] };
    }
  }

  #applied(wanted: Wanted, outcome: Extract<Outcome, { ok: true }>): void {
    const { by, durationMs } = outcome.value;
    this.#accepted = wanted;
    this.#failures = 0;
    this.#problems = outcome.problems;
    const tookMs = Math.round(durationMs);
    if (by === "start") this.#runs("ENGINE_STARTED", { tookMs });
    if (by === "reload") {
      this.#reloads += 1;
      this.#tell("info", "ENGINE_RELOADED", { tookMs });
    }
    // Also when it came back without our doing, by its own unit.
    if (this.#state !== "running") this.#runs("ENGINE_STARTED", { tookMs });
    if (by === "start" || by === "reload") this.#options.begun();
  }

  async #refused(wanted: Wanted, said: readonly Problem[]): Promise<void> {
    const problems = await Promise.all(said.map(this.#options.explain));
    if (this.#isEnded) return;
    const isNews = JSON.stringify(problems) !== JSON.stringify(this.#problems);
    this.#problems = problems;
    const detail = problems.map(({ message }) => message).join("; ");
    if (this.#options.engine.health().state === "running") {
      if (this.#state !== "running") this.#runs("ENGINE_ADOPTED", {});
      if (isNews) this.#tell("alert", "ENGINE_REFUSED", { detail });
      this.#failures += 1;
      void this.#tryAgain(wanted);
      return;
    }
    if (isNews) this.#tell("alert", "ENGINE_NOT_STARTED", { detail });
    const before = this.#accepted;
    if (before !== undefined && before !== wanted) {
      // Better the former config than none.
      const again = await this.#ask(before);
      if (this.#isEnded) return;
      if (again.ok) {
        this.#runs("ENGINE_STARTED", { tookMs: Math.round(again.value.durationMs) });
        this.#options.begun();
        this.#failures += 1;
        void this.#tryAgain(wanted);
        return;
      }
    }
    this.#failures += 1;
    this.#fell(detail);
    this.#restartLater();
  }

  /** What was refused may be accepted later: a disk has room again, a port is free, a file is back. */
  async #tryAgain(refused: Wanted): Promise<void> {
    try {
      await sleep(Math.max(this.#pause(this.#failures), this.#pauses[1] ?? 0), undefined, {
        signal: this.#ending.signal,
        ref: false,
      });
    } catch {
      return; // ended meanwhile
    }
    if (this.#wanted === refused && !this.#isPausing) this.#applier.want(refused);
  }

  #heard(news: EngineNews): void {
    if (news.kind !== "ended" || this.#isEnded || this.#isPausing) return;
    if (this.#state === "running") {
      this.#tell("alert", "ENGINE_DIED", { detail: news.detail });
      if (this.#now - this.#startedAt >= (this.#options.calmMs ?? CALM_MS)) this.#deaths = 0;
      this.#deaths += 1;
    }
    this.#fell(news.detail);
    this.#restartLater();
  }

  /** Starts it again: at once the first time, later and later then. */
  #restartLater(): void {
    if (this.#isPausing) return;
    this.#isPausing = true;
    void this.#restart(this.#pause(this.#failures + this.#deaths));
  }

  async #restart(pauseMs: number): Promise<void> {
    try {
      if (pauseMs > 0) await sleep(pauseMs, undefined, { signal: this.#ending.signal, ref: false });
    } catch {
      return; // ended meanwhile
    }
    if (this.#isEnded) return;
    // What hangs must go first: its sockets are still there. What is gone already takes no time.
    if (this.#options.engine.health().state === "running") {
      await this.#options.engine.stop(KILL_GRACE_MS).catch(() => {});
    }
    this.#isPausing = false;
    if (this.#isEnded || this.#wanted === undefined) return;
    await this.#applier.now(this.#wanted);
  }

  #runs(reason: "ENGINE_STARTED" | "ENGINE_ADOPTED", facts: DecisionEvent["facts"]): void {
    if (this.#state === "running" && reason === "ENGINE_ADOPTED") return;
    this.#state = "running";
    this.#startedAt = this.#now;
    this.#failures = 0;
    this.#tell("info", reason, facts);
    void this.#judgeUp();
  }

  /** An engine that dies again and again is not believed at once, or the group would follow it to and fro. */
  async #judgeUp(): Promise<void> {
    const startedAt = this.#startedAt;
    const waitMs = this.#pause(this.#deaths);
    if (waitMs > 0) {
      try {
        await sleep(waitMs, undefined, { signal: this.#ending.signal, ref: false });
      } catch {
        return;
      }
    }
    if (this.#state === "running" && this.#startedAt === startedAt) {
      this.#judge("up", `${this.#options.engine.name} ${this.#version ?? ""} runs`.replaceAll(/ +/g, " "));
    }
  }

  /** After so many mishaps. */
  #pause(mishaps: number): number {
    if (mishaps === 0) return 0;
    return this.#pauses[Math.min(mishaps, this.#pauses.length) - 1] ?? 0;
  }

  #fell(detail: string): void {
    this.#state = "down";
    this.#judge("down", detail);
  }

  #judge(verdict: Verdict, detail: string): void {
    const judgement = `${verdict} ${detail}`;
    if (judgement === this.#judgement) return;
    this.#judgement = judgement;
    this.#options.judged(verdict, detail);
  }

  #tell(severity: DecisionEvent["severity"], reason: DecisionEvent["reason"], facts: DecisionEvent["facts"]): void {
    const { node, engine } = this.#options;
    const about = { group: undefined, node, link: undefined } as const;
    this.#options.record({ severity, reason, ...about, facts: { engine: engine.name, ...facts } });
  }
}

/** What a disk says that does not take our files. */
const REFUSED_BY_DISK: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EIO"]);

/** A driver that could not do its work: mostly a disk, otherwise a defect. */
function failure(engine: string, error: NodeJS.ErrnoException): Problem {
  if (error.code !== undefined && REFUSED_BY_DISK.has(error.code)) {
    return {
      code: "ENGINE_FILES_REFUSED",
      severity: "error",
      message: `the files of ${engine} cannot be written: ${error.message}`,
      next: `look at \`df -h\` and the mode of the runtime directory (/run/understudy); ${RETRIED}`,
    };
  }
  return {
    code: "ENGINE_FAILED",
    severity: "error",
    message: `${engine} could not be driven: ${error.message}`,
    next: "look at the daemon's journal, and report it",
  };
}
