/**
 * nginx as an engine. It has no interface for changes while it runs: every change is a checked candidate, made live in
 * one step, and one reload. A reload is not believed but seen: workers answer on a socket of ours with the word of the
 * config that they run with, and a reload is done when a new one answers and no older one takes connections any more.
 * A reload that nginx refuses leaves the old workers serving, and the old files come back.
 */

import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { Problem, Result } from "../../../core/base/report.ts";
import { errorFile } from "../../../core/balancer/nginx-sites.ts";
import { closingFile, CONFIG_FILE, renderNginx, statusSocket, wordsFile } from "../../../core/balancer/nginx.ts";
import type { RenderedFile, Wanted } from "../../../core/balancer/wanted.ts";
import { NonlocalBind } from "../../linux/nonlocal-bind.ts";
import {
  type Applied,
  type Engine,
  type EngineFigures,
  type EngineHealth,
  type EngineNews,
  type EngineOptions,
  engineProblem,
} from "../engine.ts";
import { type EngineFile, Generations } from "../generations.ts";
import { fingerprint, readHostFiles } from "../host-files.ts";
import { identify, shortenWords, signal, watchEnd, wordsLength, wordsSince } from "../process.ts";
import { findProgram } from "../programs.ts";
import type { Pulse } from "../pulse.ts";
import { certificateNames } from "./certificate-names.ts";
import { Counters, memberFigures } from "./figures.ts";
import { refusalProblems, seriousWords } from "./own-words.ts";
import { type Account, findAccount, Master, PROGRAM, readVersion } from "./program.ts";
import { pulseOfNginx } from "./pulse.ts";
import { forgetQuestions, readGeneration, readStatus } from "./status.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { unreadableTrees } from "./unreadable-trees.ts";
import { workersOf } from "./workers.ts";

/** Oldest version whose words this driver knows. */
const MIN_VERSION = [1, 22] as const;
/** Parts that some builds leave out. */
const NEEDED_PARTS = ["http_ssl", "http_v2", "http_realip", "http_stub_status"];
/** Reading thousands of sites takes seconds, and nginx tries for 2.5 s to get a port that somebody has. */
const READY_LIMIT_MS = 20_000;
const LOOK_EVERY_MS = 10;
/** After a new worker answered, older ones go on to accept for about 0.1 s. */
const RETIRE_LIMIT_MS = 3_000;
/** Older workers at the same time; the oldest are ended by one more reload. */
const MAX_OLD_WORKERS = 16;
/** Until all workers have seen the marker, and enough for a request on connections that are used several times a second. */
const CLOSING_MS = 1_050 + 250;

/** Makes the driver; nothing is touched before it is used. */
export function createNginxEngine(options: EngineOptions): Engine {
  return new NginxEngine(options);
}

interface Prepared {
  readonly files: readonly EngineFile[];
  readonly config: string;
  /** The word of this config and everything outside the cluster file that belongs to it. */
  readonly generation: string;
}

class NginxEngine implements Engine {
  readonly name = "nginx";
  readonly #options: EngineOptions;
  readonly #socket: string;
  readonly #words: string;
  readonly #generations: Generations;
  readonly #master: Master;
  readonly #nonlocal: NonlocalBind;
  readonly #counters: Counters;
  readonly #account: Account | undefined = findAccount();
  readonly #listeners = new Set<(news: EngineNews) => void>();
  readonly #pulse: Pulse;
  #version = "";
  #pid: number | undefined;
  #unwatch: (() => void) | undefined;
  /** What the workers run with, as they said themselves. */
  #generation: string | undefined;
  #wanted: Wanted | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #isStopping = false;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#socket = statusSocket(options);
    this.#words = wordsFile(options);
    this.#generations = new Generations(options.directory);
    this.#master = new Master(options);
    this.#counters = new Counters(options.directory);
    this.#nonlocal = new NonlocalBind({ record: join(options.directory, "nonlocal-bind.json") });
    this.#pulse = pulseOfNginx({ socket: this.#socket, lost: (detail) => this.#tell({ kind: "ended", detail }) });
  }

  async probe(): Promise<Result<{ readonly version: string }>> {
    const program = findProgram(PROGRAM);
    if (program === undefined) return missing();
    const found = await readVersion(program);
    if (found === undefined || isOlder(found.version)) {
      const message = `${program} is ${found?.version ?? "of an unknown version"}`;
      return failed(engineProblem("ENGINE_TOO_OLD", message, `install nginx ${MIN_VERSION.join(".")} or newer`));
    }
    const lacking = NEEDED_PARTS.filter((part) => !found.build.includes(`--with-${part}_module`));
    if (lacking.length > 0) {
      const message = `${program} was built without ${lacking.join(", ")}`;
      return failed(engineProblem("ENGINE_INCOMPLETE", message, "install your distribution's own nginx"));
    }
    this.#version = found.version;
    return { ok: true, value: { version: found.version }, problems: [] };
  }

  render(wanted: Wanted): readonly RenderedFile[] {
    return renderNginx(wanted, this.#options, this.#machine("by-hand"));
  }

  async check(wanted: Wanted): Promise<Result<void>> {
    return await this.#alone(async () => {
      const prepared = this.#prepare(wanted);
      if (!prepared.ok) return prepared;
      const written = await this.#candidate(prepared.value);
      this.#generations.keepOnly(this.#generations.live);
      // A mere question leaves the machine as it was.
      if (this.#pid === undefined) this.#nonlocal.restore();
      return written.ok ? { ok: true, value: undefined, problems: prepared.problems } : written;
    });
  }

  async apply(wanted: Wanted): Promise<Result<Applied>> {
    const startedAt = performance.now();
    return await this.#alone(async () => {
      const prepared = this.#prepare(wanted);
      if (!prepared.ok) return prepared;
      const by = await this.#put(prepared.value);
      if (!by.ok) return by;
      this.#wanted = wanted;
      const oldWorkers = this.#pid === undefined ? 0 : oldOf(this.#pid).length;
      const durationMs = performance.now() - startedAt;
      return { ok: true, value: { by: by.value, durationMs, oldWorkers }, problems: prepared.problems };
    });
  }

  async adopt(wanted: Wanted): Promise<boolean> {
    const found = this.#master.find();
    if (found === undefined) return false;
    this.#generation = await readGeneration(this.#socket);
    this.#wanted = wanted;
    this.#began(found.pid);
    this.#options.log("info", "took over the running nginx", { pid: found.pid });
    return true;
  }

  health(): EngineHealth {
    return this.#pid === undefined ? { state: "stopped" } : { state: "running", pid: this.#pid };
  }

  async figures(): Promise<EngineFigures> {
    const status = this.#pid === undefined ? undefined : await readStatus(this.#socket);
    return {
      version: this.#version,
      pid: this.#pid ?? 0,
      oldWorkers: this.#pid === undefined ? 0 : oldOf(this.#pid).length,
      ...this.#counters.totals(status),
      members: this.#wanted === undefined ? [] : memberFigures(this.#wanted, status?.underWay ?? 0),
    };
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
    // Whoever starts or reloads it now gives up; until then nobody knows what is to be ended.
    this.#isStopping = true;
    await this.#turn;
    this.#isStopping = false;
    const pid = this.#pid ?? this.#master.find()?.pid;
    this.release();
    this.#forget();
    if (pid !== undefined) await this.#master.stop(pid, graceMs);
    await this.#master.dismissOrphans();
    this.#nonlocal.restore();
    const folder = temporaryFolder(this.#options.directory, this.#account);
    if (!folder.startsWith(`${this.#options.directory}/`)) rmSync(folder, { recursive: true, force: true });
  }

  release(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.#pulse.stop();
  }

  /** One call after the other. */
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#turn;
    const mine = before.then(work, work);
    this.#turn = mine.catch(() => {});
    return await mine;
  }

  #machine(generation: string, names?: ReadonlyMap<string, readonly string[]>) {
    return {
      account: this.#account,
      generation,
      temporaryFolder: temporaryFolder(this.#options.directory, this.#account),
      ...(names !== undefined && { certificateNames: names }),
    };
  }

  #prepare(wanted: Wanted): Result<Prepared> {
    const host = readHostFiles(wanted.config);
    if (!host.ok) return host;
    const { bundles, errorPages } = host.value;
    const names = certificateNames(bundles);
    const own: EngineFile[] = [
      ...bundles,
      ...errorPages.map(({ path, html }) => ({ path: errorFile(path), content: html })),
    ];
    const render = (generation: string): readonly RenderedFile[] =>
      renderNginx(wanted, this.#options, this.#machine(generation, names));
    const parts = [...render(""), ...own].map(({ path, content }) => `${path} ${fingerprint(content)}`);
    const generation = fingerprint(parts.join("\n")).slice(0, 16);
    const rendered = render(generation);
    const config = rendered.find(({ path }) => path === CONFIG_FILE)?.content ?? "";
    const problems = [...host.problems, ...unreadableTrees(wanted.config, this.#account)];
    return { ok: true, value: { files: [...rendered, ...own], config, generation }, problems };
  }

  async #put(prepared: Prepared): Promise<Result<Applied["by"]>> {
    if (this.#pid !== undefined && prepared.generation === this.#generation) {
      this.#allowAbsent();
      return { ok: true, value: "nothing", problems: [] };
    }
    const before = this.#generations.live;
    const candidate = await this.#candidate(prepared);
    if (!candidate.ok) return this.#giveUp(before, candidate.problems);
    if (this.#isStopping) return this.#giveUp(before, [stopping()]);
    this.#generations.enliven(candidate.value);
    const isStart = this.#pid === undefined;
    const refused = isStart ? await this.#start(prepared) : await this.#reload(prepared);
    if (refused !== undefined) return this.#giveUp(before, refused);
    this.#generations.keepOnly(candidate.value);
    this.#generation = prepared.generation;
    return { ok: true, value: isStart ? "start" : "reload", problems: [] };
  }

  /** Puts the files before in place again. */
  #giveUp(before: string | undefined, problems: readonly Problem[]): Result<never> {
    if (before !== undefined) this.#generations.enliven(before);
    this.#generations.keepOnly(before ?? this.#generations.live);
    return { ok: false, problems };
  }

  async #candidate(prepared: Prepared): Promise<Result<string>> {
    const program = findProgram(PROGRAM);
    if (program === undefined) return missing();
    const name = this.#generations.write(prepared.files);
    const folder = join(this.#options.directory, name);
    this.#openToWorkers(folder);
    this.#allowAbsent();
    const { code, output } = await this.#master.check(program, folder);
    if (code === 0) return { ok: true, value: name, problems: [] };
    const next = "nothing was changed; correct the cluster file, or report it if the file looks right";
    const said = { code: "ENGINE_CONFIG_REFUSED", words: output, config: prepared.config, next };
    return { ok: false, problems: refusalProblems(said) };
  }

  #allowAbsent(): void {
    const allowed = this.#nonlocal.allow();
    if (!allowed.ok)
      this.#options.log("warn", "nginx can listen on present addresses only", { detail: allowed.reason });
  }

  /** Workers read error pages and write large bodies, as an account that is not ours. */
  #openToWorkers(folder: string): void {
    // nginx lets everybody use its sockets, so the folder must not.
    mkdirSync(dirname(this.#socket), { recursive: true, mode: 0o700 });
    const temporary = temporaryFolder(this.#options.directory, this.#account);
    mkdirSync(temporary, { recursive: true, mode: 0o755 });
    if (this.#account === undefined) return;
    const { groupId } = this.#account;
    const errors = join(folder, "errors");
    const pages = existsSync(errors) ? readdirSync(errors).map((name) => join(errors, name)) : [];
    for (const path of [this.#options.directory, folder, ...(pages.length > 0 ? [errors, ...pages] : [])])
      chownSync(path, statSync(path).uid, groupId);
    if (dirname(temporary) === this.#options.directory) {
      chownSync(temporary, statSync(temporary).uid, groupId);
      chmodSync(temporary, 0o750);
    }
  }

  /** Undefined: it runs. */
  async #start(prepared: Prepared): Promise<readonly Problem[] | undefined> {
    const leftover = this.#master.find();
    if (leftover !== undefined) await this.#master.stop(leftover.pid, 0);
    await this.#master.dismissOrphans();
    shortenWords(this.#words);
    const from = wordsLength(this.#words);
    const ended = { is: false };
    let unwatch = (): void => {};
    let error = "";
    try {
      const started = await this.#master.start(findProgram(PROGRAM) ?? PROGRAM);
      if (started !== undefined)
        unwatch = watchEnd(started, () => {
          ended.is = true;
        });
      if (await this.#awaitGeneration(prepared, async () => ended.is || (await this.#master.hasFailed()))) {
        const pid = started ?? this.#master.find()?.pid;
        if (pid !== undefined) {
          this.#began(pid);
          return undefined;
        }
      }
      if (started !== undefined && !ended.is) await this.#master.stop(started, 0);
    } catch (failure) {
      error = (failure as Error).message;
    } finally {
      unwatch();
    }
    const first = wordsSince(this.#master.firstWords, 0);
    const words = `${first === "" ? wordsSince(this.#words, from) : first}\n${error}`;
    const next = "it is tried again by itself; correct what it complains about";
    return refusalProblems({ code: "ENGINE_NOT_STARTED", words, config: prepared.config, next });
  }

  /** Undefined: new workers serve, and no older one takes connections. */
  async #reload(prepared: Prepared): Promise<readonly Problem[] | undefined> {
    const pid = this.#pid as number;
    shortenWords(this.#words);
    this.#endOldest(pid);
    const from = wordsLength(this.#words);
    const before = workersOf(pid).filter(({ isOld }) => !isOld);
    const closing = await this.#closeIdle();
    signal(pid, "SIGHUP");
    const hasRefused = async (): Promise<boolean> =>
      this.#pid !== pid || refusals(wordsSince(this.#words, from)).some((said) => !isTriedAgain(said));
    const isTaken = await this.#awaitGeneration(prepared, hasRefused);
    if (isTaken) await awaitRetired(pid, new Set(before.map((worker) => worker.pid)));
    rmSync(closing, { force: true });
    if (isTaken) return undefined;
    const words = wordsSince(this.#words, from);
    if (seriousWords(words).length === 0) {
      // It may still come to load the new files, so what it carries is not known: the next time it is reloaded anyway.
      this.#generation = undefined;
      this.#options.log("error", "nginx neither took the new config nor refused it");
    }
    const next = "the former config is still in use; correct what it complains about";
    return refusalProblems({ code: "ENGINE_RELOAD_FAILED", words, config: prepared.config, next });
  }

  /** Lets workers close connections with their answers for a moment, so that few are idle when the reload closes those. */
  async #closeIdle(): Promise<string> {
    const file = closingFile(this.#options, this.#generation ?? "");
    const status = await readStatus(this.#socket);
    if (this.#generation === undefined || status === undefined || status.idle === 0) return file;
    writeFileSync(file, "");
    await sleep(CLOSING_MS);
    return file;
  }

  async #awaitGeneration(prepared: Prepared, hasFailed: () => Promise<boolean>): Promise<boolean> {
    const limit = performance.now() + READY_LIMIT_MS;
    while (performance.now() < limit && !this.#isStopping) {
      if ((await readGeneration(this.#socket)) === prepared.generation) return true;
      if (await hasFailed()) return false;
      await sleep(LOOK_EVERY_MS);
    }
    return false;
  }

  #endOldest(master: number): void {
    const old = oldOf(master);
    for (const { pid } of old.slice(0, Math.max(0, old.length - MAX_OLD_WORKERS + 1))) {
      this.#options.log("warn", "ends an old worker of nginx: too many reloads follow one another", { pid });
      signal(pid, "SIGTERM");
    }
  }

  #began(pid: number): void {
    this.#unwatch?.();
    this.#pid = pid;
    this.#unwatch = watchEnd(pid, () => this.#ended(pid));
    if (this.#listeners.size > 0) this.#pulse.start();
  }

  #ended(pid: number): void {
    if (this.#pid !== pid) return;
    this.#forget();
    this.#pulse.stop();
    const recent = wordsSince(this.#words, Math.max(0, wordsLength(this.#words) - 8_192));
    // Workers complain about single requests; only the master's own words are about its end.
    const own = recent.split("\n").filter((line) => line.includes(`] ${pid}#`));
    const last = seriousWords(own.join("\n")).slice(-2).join("; ");
    this.#tell({ kind: "ended", detail: `nginx (process ${pid}) ended${last === "" ? "" : `: ${last}`}` });
  }

  #forget(): void {
    this.#pid = undefined;
    this.#generation = undefined;
    forgetQuestions(this.#socket);
    this.#counters.clear();
  }

  #tell(news: EngineNews): void {
    for (const heard of [...this.#listeners]) heard(news);
  }
}

function oldOf(master: number) {
  return workersOf(master).filter(({ isOld }) => isOld);
}

/** Failures of the master; what workers complain about are single requests. */
function refusals(words: string): readonly string[] {
  return seriousWords(
    words
      .split("\n")
      .filter((line) => line.includes("[emerg]"))
      .join("\n"),
  );
}

/** nginx asks five times for a port that somebody has, each time with a word about it. */
function isTriedAgain(said: string): boolean {
  return /^bind\(\) to .* failed/.test(said);
}

/** Until none of these takes connections any more. */
async function awaitRetired(master: number, pids: ReadonlySet<number>): Promise<void> {
  const limit = performance.now() + RETIRE_LIMIT_MS;
  while (performance.now() < limit) {
    const isAccepting = workersOf(master).some(({ pid, isOld }) => pids.has(pid) && !isOld);
    if (!isAccepting || identify(master) === undefined) return;
    await sleep(LOOK_EVERY_MS);
  }
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < MIN_VERSION[0] || (major === MIN_VERSION[0] && minor < MIN_VERSION[1]);
}

function stopping(): Problem {
  return engineProblem("ENGINE_NOT_STARTED", "nginx is being ended", "start it again when it is wanted");
}

function missing(): { readonly ok: false; readonly problems: readonly Problem[] } {
  return failed(engineProblem("ENGINE_MISSING", "nginx is not installed", "apt-get install nginx"));
}

function failed(problem: Problem): { readonly ok: false; readonly problems: readonly Problem[] } {
  return { ok: false, problems: [problem] };
}
