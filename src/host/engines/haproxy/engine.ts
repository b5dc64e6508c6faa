/**
 * HAProxy as an engine. A master process outlives its workers and us; a change is put into effect by commands to the
 * running worker where that is enough, else by one reload: candidate written beside, checked by HAProxy itself, made live
 * in one step, and the new worker seen to run. A reload that fails leaves the old worker serving; its files come back, and
 * one more reload leads the master out of its waiting.
 *
 * What it must never do: take a listening socket away from a worker before the next one has it, or leave a config live
 * that HAProxy refused.
 */

import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import type { Problem, Result } from "../../../core/base/report.ts";
import { type ChangedFile, describeChange } from "../../../core/balancer/change.ts";
import { RING, runtimeSocket, stateFile } from "../../../core/balancer/haproxy-names.ts";
import { renderHaproxy } from "../../../core/balancer/haproxy.ts";
import type { RenderedFile, Wanted } from "../../../core/balancer/wanted.ts";
import {
  type Applied,
  type Engine,
  type EngineFigures,
  type EngineHealth,
  type EngineNews,
  type EngineOptions,
  engineProblem,
} from "../engine.ts";
import { Generations, LIVE } from "../generations.ts";
import { occupiedPorts } from "../occupied-ports.ts";
import { processesOf, shortenWords, watchEnd, wordsLength, wordsSince } from "../process.ts";
import { findProgram } from "../programs.ts";
import type { Pulse } from "../pulse.ts";
import {
  type Candidate,
  candidatePrint,
  changedFiles,
  configText,
  type Origin,
  prepareCandidate,
  readOrigin,
} from "./files.ts";
import { NewsFollower } from "./news.ts";
import { refusalProblems } from "./own-words.ts";
import { readProcesses } from "./processes.ts";
import { checkFolder, findAccount, Master, type MasterPlace, masterPlace, readVersion, PROGRAM } from "./program.ts";
import { pulseOfHaproxy } from "./pulse.ts";
import { putCertificates, reconcile } from "./runtime.ts";
import { command } from "./socket.ts";
import { LOOK_EVERY_MS, READY_LIMIT_MS, Workers } from "./workers.ts";

/** Oldest version whose words this driver knows. */
const MIN_VERSION = [2, 6] as const;
/** So often in a row somebody's changes are undone; then it is more likely us who misread. */
const MAX_UNDONE = 3;
/** Stands while files are live that HAProxy has not loaded yet. */
const LOADING_FILE = "loading";

/** Makes the driver; nothing is touched before it is used. */
export function createHaproxyEngine(options: EngineOptions): Engine {
  return new HaproxyEngine(options);
}

class HaproxyEngine implements Engine {
  readonly name = "haproxy";
  readonly #options: EngineOptions;
  readonly #place: MasterPlace;
  readonly #runtime: string;
  readonly #generations: Generations;
  readonly #master: Master;
  readonly #workers: Workers;
  readonly #listeners = new Set<(news: EngineNews) => void>();
  readonly #news: NewsFollower;
  readonly #pulse: Pulse;
  readonly #account = findAccount();
  #version = "";
  #pid: number | undefined;
  #unwatch: (() => void) | undefined;
  #isStopping = false;
  /** What the running HAProxy carries, as far as we know. */
  #running: Origin | undefined;
  /** Print of the live files, once they ran. */
  #accepted: string | undefined;
  /** Where the words about the present config begin. */
  #wordsFrom = 0;
  /** An earlier self gave commands that it may not have written down. */
  #isUncertain = false;
  /** Looks in a row that found it altered. */
  #alterations = 0;
  /** Work on files that goes on after an answer; the next call waits for it. */
  #afterwards: Promise<void> = Promise.resolve();

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#place = masterPlace(options.directory);
    this.#runtime = runtimeSocket(options);
    this.#generations = new Generations(options.directory);
    this.#master = new Master(this.#place, options.run);
    this.#workers = new Workers(
      { masterSocket: this.#place.masterSocket, runtimeSocket: this.#runtime, stateFile: stateFile(options) },
      options.log,
    );
    this.#news = new NewsFollower({
      socket: this.#runtime,
      ring: RING,
      heard: (news) => this.#tell({ kind: "member", ...news }),
    });
    this.#pulse = pulseOfHaproxy({
      master: this.#place.masterSocket,
      worker: this.#runtime,
      isStopped: () => this.#pid !== undefined && processesOf(this.#pid).some(({ isStopped }) => isStopped),
      lost: (detail) => this.#tell({ kind: "ended", detail }),
    });
  }

  async probe(): Promise<Result<{ readonly version: string }>> {
    const program = findProgram(PROGRAM);
    if (program === undefined) {
      return failed(engineProblem("ENGINE_MISSING", "haproxy is not installed", "apt-get install haproxy"));
    }
    const version = await readVersion(program);
    if (version === undefined || isOlder(version)) {
      const found = version ?? "of an unknown version";
      const next = `install HAProxy ${MIN_VERSION.join(".")} or newer`;
      return failed(engineProblem("ENGINE_TOO_OLD", `${program} is ${found}`, next));
    }
    this.#version = version;
    return { ok: true, value: { version }, problems: [] };
  }

  render(wanted: Wanted): readonly RenderedFile[] {
    return renderHaproxy(wanted, this.#options, { account: this.#account });
  }

  async check(wanted: Wanted): Promise<Result<void>> {
    return await this.#alone(async () => {
      const prepared = prepareCandidate(wanted, this.render(wanted));
      if (!prepared.ok) return prepared;
      const written = await this.#candidate(prepared.value);
      this.#generations.keepOnly(this.#generations.live);
      return written.ok ? { ok: true, value: undefined, problems: prepared.problems } : written;
    });
  }

  async apply(wanted: Wanted): Promise<Result<Applied>> {
    const startedAt = performance.now();
    return await this.#alone(async () => {
      const prepared = prepareCandidate(wanted, this.render(wanted));
      if (!prepared.ok) return prepared;
      const done = await this.#applyPrepared(wanted, prepared.value);
      if (!done.ok) return done;
      const oldWorkers = done.value === "start" ? 0 : await this.#workers.oldCount();
      const durationMs = performance.now() - startedAt;
      return { ok: true, value: { by: done.value, durationMs, oldWorkers }, problems: prepared.problems };
    });
  }

  async adopt(wanted: Wanted): Promise<boolean> {
    const found = this.#master.find();
    if (found === undefined) return false;
    const isLoaded = !existsSync(join(this.#options.directory, LOADING_FILE));
    this.#running = isLoaded ? readOrigin(join(this.#options.directory, LIVE)) : undefined;
    this.#isUncertain = true;
    this.#began(found.pid, { fromBeginning: false });
    const carries = this.#running === undefined ? "an unknown config" : "a known config";
    const count = wanted.members.length;
    this.#options.log("info", `took over the running haproxy with ${carries}`, { pid: found.pid, members: count });
    return true;
  }

  health(): EngineHealth {
    return this.#pid === undefined ? { state: "stopped" } : { state: "running", pid: this.#pid };
  }

  async figures(): Promise<EngineFigures> {
    const processes = await this.#workers.count();
    const wanted = this.#running?.wanted;
    return {
      version: this.#version,
      pid: this.#pid ?? 0,
      oldWorkers: processes?.old.length ?? 0,
      ...this.#workers.counters.totals(),
      members: wanted === undefined ? [] : this.#workers.counters.members(wanted, processes?.worker ?? 0),
    };
  }

  async isAltered(): Promise<boolean> {
    return await this.#alone(async () => {
      if (this.#pid === undefined || this.#running === undefined) return false;
      const commands = await reconcile(this.#runtime, this.#running.wanted);
      if (commands?.length === 0) {
        this.#alterations = 0;
        return false;
      }
      this.#alterations += 1;
      if (this.#alterations > MAX_UNDONE) return false;
      const detail = commands?.slice(0, 3) ?? ["a server that was forced into a state, or is missing"];
      this.#options.log("warn", "somebody changed the running haproxy by hand; it is put right", { detail });
      this.#isUncertain = true;
      return true;
    });
  }

  follow(heard: (news: EngineNews) => void): () => void {
    this.#listeners.add(heard);
    if (this.#pid !== undefined) this.#pulse.start();
    return () => {
      this.#listeners.delete(heard);
      if (this.#listeners.size === 0) this.#pulse.stop();
    };
  }

  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    try {
      await this.#end(graceMs);
      // A start that was on its way meanwhile.
      await this.#alone(() => this.#end(graceMs));
    } finally {
      this.#isStopping = false;
    }
  }

  async #end(graceMs: number): Promise<void> {
    const pid = this.#pid ?? this.#master.find()?.pid;
    this.release();
    this.#pid = undefined;
    this.#running = undefined;
    if (pid !== undefined) await this.#master.stop(pid, graceMs);
  }

  release(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.#news.detach();
    this.#pulse.stop();
  }

  /** One call after the other, each after what the one before left to be done. */
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#afterwards;
    let done = (): void => {};
    this.#afterwards = new Promise((resolve) => {
      done = resolve;
    });
    await before;
    try {
      return await work();
    } finally {
      done();
    }
  }

  async #applyPrepared(wanted: Wanted, prepared: Candidate): Promise<Result<Applied["by"]>> {
    if (this.#pid === undefined) return await this.#start(wanted, prepared);
    const changed = changedFiles(this.#running?.prints, prepared.prints);
    const change = describeChange(this.#running?.wanted, wanted, changed);
    if (change.by === "reload") return await this.#reload(wanted, prepared, change.because);
    const by = await this.#byCommands(wanted, prepared, { commands: change.commands, changed });
    if (by === undefined) return await this.#reload(wanted, prepared, ["a command was refused"]);
    if (by === "runtime") this.#later(() => this.#replaceFiles(prepared));
    if (by === "runtime" || this.#running?.wanted !== wanted) this.#remember(wanted, prepared);
    return { ok: true, value: by, problems: [] };
  }

  /** Undefined: a command was refused, so only a reload helps. */
  async #byCommands(
    wanted: Wanted,
    prepared: Candidate,
    change: { readonly commands: readonly string[]; readonly changed: readonly ChangedFile[] },
  ): Promise<"nothing" | "runtime" | undefined> {
    try {
      const commands = this.#isUncertain ? await reconcile(this.#runtime, wanted) : change.commands;
      if (commands === undefined) return undefined;
      const complaints = await command(this.#runtime, commands);
      const bundles = prepared.bundles.filter(({ path }) => change.changed.some((file) => file.path === path));
      if (complaints.length === 0) complaints.push(...(await putCertificates(this.#runtime, bundles)));
      if (complaints.length > 0) {
        this.#options.log("warn", "haproxy refused a command; it is reloaded", { detail: complaints.slice(0, 3) });
        return undefined;
      }
      this.#isUncertain = false;
      return commands.length + bundles.length > 0 ? "runtime" : "nothing";
    } catch (error) {
      this.#options.log("warn", "haproxy did not take commands; it is reloaded", { detail: String(error) });
      return undefined;
    }
  }

  /** Writes a candidate beside the live files and lets HAProxy check it; its name. */
  async #candidate(candidate: Candidate): Promise<Result<string>> {
    const program = findProgram(PROGRAM);
    if (program === undefined)
      return failed(engineProblem("ENGINE_MISSING", "haproxy is not installed", "apt-get install haproxy"));
    const name = this.#generations.write(candidate.files);
    const { code, output } = await checkFolder(program, join(this.#options.directory, name));
    if (code === 0) return { ok: true, value: name, problems: [] };
    const next = "nothing was changed; correct the cluster file, or report it if the file looks right";
    return {
      ok: false,
      problems: refusalProblems({ code: "ENGINE_CONFIG_REFUSED", words: output, config: configText(candidate), next }),
    };
  }

  async #start(wanted: Wanted, prepared: Candidate): Promise<Result<Applied["by"]>> {
    mkdirSync(this.#options.directory, { recursive: true, mode: 0o750 });
    const leftover = this.#master.find();
    if (leftover !== undefined) await this.#master.stop(leftover.pid, 0);
    shortenWords(this.#place.words);
    // What checks found before is old by now.
    this.#workers.forgetHealth();
    const before = this.#generations.live;
    // What ran a moment ago needs no second look: it is to be back at once.
    const isKnown = before !== undefined && this.#accepted === candidatePrint(prepared);
    const candidate = isKnown ? ({ ok: true, value: before } as const) : await this.#candidate(prepared);
    if (!candidate.ok) return this.#giveUp(before, candidate.problems);
    this.#generations.enliven(candidate.value);
    const from = wordsLength(this.#place.words);
    const pid = await this.#launch(wanted);
    if (typeof pid === "number") {
      this.#hasLoaded(candidate.value);
      this.#workers.counters.clear();
      this.#began(pid, { fromBeginning: true });
      this.#remember(wanted, prepared);
      return { ok: true, value: "start", problems: [] };
    }
    this.#accepted = undefined;
    const words = `${wordsSince(this.#place.words, from)}\n${pid.words}`;
    const config = configText(prepared);
    const next = "it is tried again by itself; correct what it complains about";
    return this.#giveUp(before, refusalProblems({ code: "ENGINE_NOT_STARTED", words, config, next }));
  }

  /** Puts the files before in place again. */
  #giveUp(before: string | undefined, problems: readonly Problem[]): Result<never> {
    if (before !== undefined) this.#generations.enliven(before);
    this.#generations.keepOnly(before ?? this.#generations.live);
    return { ok: false, problems };
  }

  /** Starts it and waits until a worker takes connections. */
  async #launch(wanted: Wanted): Promise<number | { readonly words: string }> {
    let hasEnded = false;
    let stopWatching = (): void => {};
    let started: number | undefined;
    try {
      started = await this.#master.start(findProgram(PROGRAM) ?? PROGRAM, wanted.config);
      if (started !== undefined) {
        stopWatching = watchEnd(started, () => {
          hasEnded = true;
        });
      }
      const limit = performance.now() + READY_LIMIT_MS;
      while (performance.now() < limit && !this.#isStopping) {
        const processes = await readProcesses(this.#place.masterSocket);
        const isOurs = started === undefined || processes?.master === started;
        if (isOurs && processes?.worker !== undefined && (await this.#workers.answers(processes.worker)))
          return processes.master;
        if (hasEnded || (started === undefined && (await this.#master.hasFailed()))) return { words: "" };
        await sleep(LOOK_EVERY_MS);
      }
      if (started !== undefined) await this.#master.stop(started, 0);
      if (this.#isStopping) return { words: "[ALERT] (0) : it was ended before it was ready" };
      return { words: `[ALERT] (0) : not ready within ${READY_LIMIT_MS / 1_000} s` };
    } catch (error) {
      return { words: `[ALERT] (0) : ${error instanceof Error ? error.message : String(error)}` };
    } finally {
      stopWatching();
    }
  }

  async #reload(wanted: Wanted, prepared: Candidate, because: readonly string[]): Promise<Result<Applied["by"]>> {
    const candidate = await this.#candidate(prepared);
    const live = this.#generations.live;
    const occupied = candidate.ok ? occupiedPorts(this.#running?.wanted.config, wanted.config) : candidate.problems;
    if (!candidate.ok || occupied.length > 0) {
      this.#generations.keepOnly(live);
      return { ok: false, problems: occupied };
    }
    shortenWords(this.#place.words);
    const from = wordsLength(this.#place.words);
    await this.#workers.bound(await this.#workers.settled(() => this.#pid !== undefined));
    await this.#workers.count();
    await this.#workers.keepHealth(wanted);
    writeFileSync(join(this.#options.directory, LOADING_FILE), "");
    this.#generations.enliven(candidate.value);
    const isLoaded = await this.#tellReload();
    if (isLoaded) {
      this.#wordsFrom = wordsLength(this.#place.words);
      this.#hasLoaded(candidate.value);
      this.#isUncertain = false;
      this.#remember(wanted, prepared);
      this.#news.attach({ fromBeginning: true });
      // What the old worker served until now; it may be gone soon.
      await this.#workers.count();
      this.#options.log("info", "haproxy was reloaded", { because });
      return { ok: true, value: "reload", problems: [] };
    }
    const words = wordsSince(this.#place.words, from);
    if (live !== undefined) this.#generations.enliven(live);
    this.#hasLoaded(live ?? candidate.value);
    // Out of its waiting, with the files that it had.
    if (live !== undefined && this.#pid !== undefined) await this.#tellReload();
    this.#wordsFrom = wordsLength(this.#place.words);
    this.#news.attach({ fromBeginning: false });
    const next = "the running config stays in place; correct what it complains about, then reload";
    const config = configText(prepared);
    return { ok: false, problems: refusalProblems({ code: "ENGINE_RELOAD_FAILED", words, config, next }) };
  }

  /** The live files are those that HAProxy runs with. */
  #hasLoaded(name: string): void {
    this.#generations.keepOnly(name);
    rmSync(join(this.#options.directory, LOADING_FILE), { force: true });
  }

  /** Lets the master load what is live now; nobody counts its silence meanwhile. */
  async #tellReload(): Promise<boolean> {
    this.#pulse.stop();
    try {
      return await this.#workers.replace(() => this.#pid !== undefined);
    } finally {
      if (this.#pid !== undefined && this.#listeners.size > 0) this.#pulse.start();
    }
  }

  #began(pid: number, news: { readonly fromBeginning: boolean }): void {
    this.#wordsFrom = wordsLength(this.#place.words);
    this.#unwatch?.();
    this.#pid = pid;
    this.#unwatch = watchEnd(pid, () => this.#ended(pid));
    this.#news.attach(news);
    if (this.#listeners.size > 0) this.#pulse.start();
  }

  #ended(pid: number): void {
    if (this.#pid !== pid) return;
    this.#pid = undefined;
    this.#running = undefined;
    this.#news.detach();
    this.#pulse.stop();
    // The master's own; workers complain about members.
    const alert = new RegExp(`^\\[ALERT\\]\\s+\\(${pid}\\) : `);
    const words = wordsSince(this.#place.words, this.#wordsFrom).split("\n");
    const last = words.filter((line) => alert.test(line)).slice(-2);
    const said = last.map((line) => line.replace(alert, "")).join("; ");
    this.#tell({ kind: "ended", detail: `haproxy (process ${pid}) ended${said === "" ? "" : `: ${said}`}` });
  }

  #tell(news: EngineNews): void {
    for (const heard of [...this.#listeners]) heard(news);
  }

  #later(work: () => void): void {
    this.#afterwards = this.#afterwards.then(() => {
      try {
        work();
      } catch (error) {
        this.#options.log("warn", "haproxy's files could not be brought up to date", { detail: String(error) });
      }
    });
  }

  /** After commands, so that files tell what runs, for people and for a start by another hand. */
  #replaceFiles({ files }: Candidate): void {
    const name = this.#generations.write(files);
    this.#generations.enliven(name);
    this.#generations.keepOnly(name);
  }

  #remember(wanted: Wanted, candidate: Candidate): void {
    this.#running = { wanted, prints: candidate.prints };
    this.#accepted = undefined;
    this.#later(() => {
      this.#accepted = candidatePrint(candidate);
    });
  }
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < MIN_VERSION[0] || (major === MIN_VERSION[0] && minor < MIN_VERSION[1]);
}

function failed(problem: Problem): { readonly ok: false; readonly problems: readonly Problem[] } {
  return { ok: false, problems: [problem] };
}
