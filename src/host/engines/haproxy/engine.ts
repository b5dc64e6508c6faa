/**
 * HAProxy as an engine. A master process outlives its workers and us; a change is put into effect by commands to the
 * running worker where that is enough, else by one reload: candidate written beside, checked by HAProxy itself, made live
 * in one step, and the new worker seen to run. A reload that fails leaves the old worker serving; its files come back, and
 * one more reload leads the master out of its waiting.
 *
 * What it must never do: take a listening socket away from a worker before the next one has it, or leave a config live
 * that HAProxy refused.
 */

import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import type { Problem, Result } from "../../../core/base/report.ts";
import { type ChangedFile, describeChange } from "../../../core/balancer/change.ts";
import { CONFIG_FILE, RING, runtimeSocket, stateFile, USERS_FILE } from "../../../core/balancer/haproxy-names.ts";
import { errorHead, renderHaproxy, statsUsers } from "../../../core/balancer/haproxy.ts";
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
import { type EngineFile, Generations } from "../generations.ts";
import { fingerprint, type HostFiles, readHostFiles } from "../host-files.ts";
import { shortenWords, signal, watchEnd, wordsLength, wordsSince } from "../process.ts";
import { Counters, FRONT_QUESTION, readWorker, SERVER_QUESTION, type WorkerCount } from "./figures.ts";
import { NewsFollower } from "./news.ts";
import { refusalProblems } from "./own-words.ts";
import { type Processes, readProcesses } from "./processes.ts";
import {
  checkFolder,
  findAccount,
  findProgram,
  Master,
  type MasterPlace,
  masterPlace,
  readVersion,
} from "./program.ts";
import { putCertificates, reconcile } from "./runtime.ts";
import { parseServerStates, stateFileText } from "./server-state.ts";
import { ask, command } from "./socket.ts";
import { Pulse } from "./pulse.ts";

/** Oldest version whose words this driver knows. */
const MIN_VERSION = [2, 6] as const;
/** Reading thousands of pools takes seconds. */
const READY_LIMIT_MS = 60_000;
const LOOK_EVERY_MS = 10;
/** Older workers at the same time; one more reload ends the one with the fewest connections. */
const MAX_OLD_WORKERS = 8;
const RUNNING_FILE = "running.json";

/** Makes the driver; nothing is touched before it is used. */
export function createHaproxyEngine(options: EngineOptions): Engine {
  return new HaproxyEngine(options);
}

/** What the running HAProxy carries, as far as we know. */
interface Running {
  readonly wanted: Wanted;
  /** By path: content of files from outside the cluster file. */
  readonly prints: Readonly<Record<string, string>>;
}

type Prepared = { readonly files: readonly EngineFile[]; readonly host: HostFiles; readonly prints: Running["prints"] };

class HaproxyEngine implements Engine {
  readonly name = "haproxy";
  readonly #options: EngineOptions;
  readonly #place: MasterPlace;
  readonly #runtime: string;
  readonly #generations: Generations;
  readonly #master: Master;
  readonly #counters = new Counters();
  readonly #listeners = new Set<(news: EngineNews) => void>();
  readonly #news: NewsFollower;
  readonly #pulse: Pulse;
  readonly #account = findAccount();
  #version = "";
  #pid: number | undefined;
  #unwatch: (() => void) | undefined;
  #running: Running | undefined;
  /** Where the words about the present config begin. */
  #wordsFrom = 0;
  /** An earlier self gave commands that it may not have written down. */
  #isUncertain = false;
  /** Work on files that goes on after an answer; the next call waits for it. */
  #afterwards: Promise<void> = Promise.resolve();

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#place = masterPlace(options.directory);
    this.#runtime = runtimeSocket(options);
    this.#generations = new Generations(options.directory);
    this.#master = new Master(this.#place, options.run);
    this.#news = new NewsFollower({
      socket: this.#runtime,
      ring: RING,
      heard: (news) => this.#tell({ kind: "member", ...news }),
    });
    this.#pulse = new Pulse({
      master: this.#place.masterSocket,
      worker: this.#runtime,
      lost: (detail) => this.#tell({ kind: "ended", detail }),
    });
  }

  async probe(): Promise<Result<{ readonly version: string }>> {
    const program = findProgram();
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
      const prepared = this.#prepare(wanted);
      if (!prepared.ok) return prepared;
      const written = await this.#candidate(prepared.value);
      this.#generations.keepOnly(this.#generations.live);
      return written.ok ? { ok: true, value: undefined, problems: prepared.problems } : written;
    });
  }

  async apply(wanted: Wanted): Promise<Result<Applied>> {
    const startedAt = performance.now();
    return await this.#alone(async () => {
      const prepared = this.#prepare(wanted);
      if (!prepared.ok) return prepared;
      const done = await this.#applyPrepared(wanted, prepared.value);
      if (!done.ok) return done;
      const oldWorkers = done.value === "start" ? 0 : await this.#countOld();
      const durationMs = performance.now() - startedAt;
      return { ok: true, value: { by: done.value, durationMs, oldWorkers }, problems: prepared.problems };
    });
  }

  async adopt(wanted: Wanted): Promise<boolean> {
    const found = this.#master.find();
    if (found === undefined) return false;
    this.#running = this.#readRunning();
    this.#isUncertain = true;
    this.#began(found.pid);
    const carries = this.#running === undefined ? "an unknown config" : "a known config";
    const count = wanted.members.length;
    this.#options.log("info", `took over the running haproxy with ${carries}`, { pid: found.pid, members: count });
    return true;
  }

  health(): EngineHealth {
    return this.#pid === undefined ? { state: "stopped" } : { state: "running", pid: this.#pid };
  }

  async figures(): Promise<EngineFigures> {
    const processes = await this.#count();
    const wanted = this.#running?.wanted;
    return {
      version: this.#version,
      pid: this.#pid ?? 0,
      oldWorkers: processes?.old.length ?? 0,
      ...this.#counters.totals(),
      members: wanted === undefined ? [] : this.#counters.members(wanted, processes?.worker ?? 0),
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
    const pid = this.#pid ?? this.#master.find()?.pid;
    const processes = graceMs === 0 ? undefined : await readProcesses(this.#place.masterSocket, 500);
    this.release();
    this.#pid = undefined;
    this.#running = undefined;
    if (pid === undefined) return;
    const others = processes === undefined ? [] : [...processes.old, ...(processes.worker ? [processes.worker] : [])];
    await this.#master.stop(pid, graceMs, others);
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

  #prepare(wanted: Wanted): Result<Prepared> {
    const host = readHostFiles(wanted.config);
    if (!host.ok) return host;
    const { bundles, errorPages, login } = host.value;
    const own: EngineFile[] = [
      { path: USERS_FILE, content: statsUsers(login), secret: true },
      ...bundles,
      ...errorPages.map(({ path, status, html }) => ({
        path,
        content: Buffer.concat([Buffer.from(errorHead(status, html.length)), html]),
      })),
    ];
    const prints = Object.fromEntries(own.map(({ path, content }) => [path, fingerprint(content)]));
    const files = [...this.render(wanted), ...own];
    return { ok: true, value: { files, host: host.value, prints }, problems: host.problems };
  }

  async #applyPrepared(wanted: Wanted, prepared: Prepared): Promise<Result<Applied["by"]>> {
    if (this.#pid === undefined) return await this.#start(wanted, prepared);
    const changed = changedFiles(this.#running?.prints, prepared.prints);
    const change = describeChange(this.#running?.wanted, wanted, changed);
    if (change.by === "reload") return await this.#reload(wanted, prepared, change.because);
    const by = await this.#byCommands(wanted, prepared, { commands: change.commands, changed });
    if (by === undefined) return await this.#reload(wanted, prepared, ["a command was refused"]);
    if (by === "runtime") this.#later(() => this.#replaceFiles(prepared));
    if (by === "runtime" || change.by !== "nothing" || this.#running?.wanted !== wanted)
      this.#remember(wanted, prepared);
    return { ok: true, value: by, problems: [] };
  }

  /** Undefined: a command was refused, so only a reload helps. */
  async #byCommands(
    wanted: Wanted,
    prepared: Prepared,
    change: { readonly commands: readonly string[]; readonly changed: readonly ChangedFile[] },
  ): Promise<"nothing" | "runtime" | undefined> {
    try {
      const commands = this.#isUncertain ? await reconcile(this.#runtime, wanted) : change.commands;
      if (commands === undefined) return undefined;
      const complaints = await command(this.#runtime, commands);
      const bundles = prepared.host.bundles.filter(({ path }) => change.changed.some((file) => file.path === path));
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

  async #candidate({ files }: Prepared): Promise<Result<string>> {
    const program = findProgram();
    if (program === undefined)
      return failed(engineProblem("ENGINE_MISSING", "haproxy is not installed", "apt-get install haproxy"));
    const name = this.#generations.write(files);
    const { code, output } = await checkFolder(program, join(this.#options.directory, name));
    if (code === 0) return { ok: true, value: name, problems: [] };
    const next = "nothing was changed; correct the cluster file, or report it if the file looks right";
    return {
      ok: false,
      problems: refusalProblems({ code: "ENGINE_CONFIG_REFUSED", words: output, config: configOf(files), next }),
    };
  }

  async #start(wanted: Wanted, prepared: Prepared): Promise<Result<Applied["by"]>> {
    mkdirSync(this.#options.directory, { recursive: true, mode: 0o750 });
    const leftover = this.#master.find();
    if (leftover !== undefined) await this.#master.stop(leftover.pid, 0, []);
    shortenWords(this.#place.words);
    // What checks found before is old by now.
    writeFileSync(stateFile(this.#options), "1\n", { mode: 0o640 });
    const before = this.#generations.live;
    const candidate = await this.#candidate(prepared);
    if (!candidate.ok) return this.#giveUp(before, candidate.problems);
    this.#generations.enliven(candidate.value);
    const from = wordsLength(this.#place.words);
    const pid = await this.#launch(wanted);
    if (typeof pid === "number") {
      this.#generations.keepOnly(candidate.value);
      this.#counters.clear();
      this.#began(pid);
      this.#remember(wanted, prepared);
      return { ok: true, value: "start", problems: [] };
    }
    const words = `${wordsSince(this.#place.words, from)}\n${pid.words}`;
    const config = configOf(prepared.files);
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
      started = await this.#master.start(findProgram() ?? "haproxy", wanted.config.accessLog);
      if (started !== undefined) {
        stopWatching = watchEnd(started, () => {
          hasEnded = true;
        });
      }
      const limit = performance.now() + READY_LIMIT_MS;
      while (performance.now() < limit) {
        const processes = await readProcesses(this.#place.masterSocket);
        const isOurs = started === undefined || processes?.master === started;
        if (isOurs && processes?.worker !== undefined && (await this.#answers(processes.worker)))
          return processes.master;
        if (hasEnded || (await this.#master.hasFailed())) return { words: "" };
        await sleep(LOOK_EVERY_MS);
      }
      if (started !== undefined) await this.#master.stop(started, 0, []);
      return { words: `[ALERT] (0) : not ready within ${READY_LIMIT_MS / 1_000} s` };
    } catch (error) {
      return { words: `[ALERT] (0) : ${error instanceof Error ? error.message : String(error)}` };
    } finally {
      stopWatching();
    }
  }

  /** Whether the runtime socket is that worker's. */
  async #answers(worker: number): Promise<boolean> {
    try {
      const info = await ask(this.#runtime, "show info", { timeoutMs: 2_000 });
      return new RegExp(`^Pid: ${worker}$`, "m").test(info);
    } catch {
      return false;
    }
  }

  async #reload(wanted: Wanted, prepared: Prepared, because: readonly string[]): Promise<Result<Applied["by"]>> {
    const candidate = await this.#candidate(prepared);
    const live = this.#generations.live;
    if (!candidate.ok) {
      this.#generations.keepOnly(live);
      return candidate;
    }
    shortenWords(this.#place.words);
    const from = wordsLength(this.#place.words);
    const before = await this.#count();
    await this.#boundOld(before);
    await this.#writeStates(wanted);
    this.#generations.enliven(candidate.value);
    const isLoaded = await this.#tellReload(before);
    if (isLoaded) {
      this.#wordsFrom = wordsLength(this.#place.words);
      this.#generations.keepOnly(candidate.value);
      this.#isUncertain = false;
      this.#remember(wanted, prepared);
      this.#news.attach();
      this.#options.log("info", "haproxy was reloaded", { because });
      return { ok: true, value: "reload", problems: [] };
    }
    const words = wordsSince(this.#place.words, from);
    if (live !== undefined) this.#generations.enliven(live);
    this.#generations.keepOnly(live ?? candidate.value);
    // Out of its waiting, with the files that it had.
    if (live !== undefined && this.#pid !== undefined) await this.#tellReload(await this.#count());
    this.#wordsFrom = wordsLength(this.#place.words);
    this.#news.attach();
    const next = "the running config stays in place; correct what it complains about, then reload";
    const config = configOf(prepared.files);
    return { ok: false, problems: refusalProblems({ code: "ENGINE_RELOAD_FAILED", words, config, next }) };
  }

  /** Lets the master load what is live now; true when a new worker took over. */
  async #tellReload(before: Processes | undefined): Promise<boolean> {
    this.#pulse.stop();
    try {
      // The master closes the connection in the midst of replacing itself.
      await ask(this.#place.masterSocket, "reload").catch(() => "");
      const limit = performance.now() + READY_LIMIT_MS;
      while (performance.now() < limit && this.#pid !== undefined) {
        const now = await readProcesses(this.#place.masterSocket);
        if (now !== undefined && now.reloads !== before?.reloads) {
          if (now.failed > 0) return false;
          const isNew = now.worker !== undefined && now.worker !== before?.worker;
          if (isNew && now.worker !== undefined && (await this.#answers(now.worker))) return true;
        }
        await sleep(LOOK_EVERY_MS);
      }
      return false;
    } finally {
      if (this.#pid !== undefined && this.#listeners.size > 0) this.#pulse.start();
    }
  }

  /** Health that the checks found, for the next worker. Without it checks begin anew, which is no reason to stop. */
  async #writeStates(next: Wanted): Promise<void> {
    const file = stateFile(this.#options);
    try {
      const states = parseServerStates(await ask(this.#runtime, "show servers state"));
      writeFileSync(`${file}.next`, stateFileText(states, next), { mode: 0o640 });
      renameSync(`${file}.next`, file);
    } catch (error) {
      writeFileSync(file, "1\n", { mode: 0o640 });
      this.#options.log("warn", "members' health could not be kept over the reload", { detail: String(error) });
    }
  }

  /** Ends the old worker with the fewest connections when there are as many as allowed. */
  async #boundOld(processes: Processes | undefined): Promise<void> {
    if (processes === undefined || processes.old.length < MAX_OLD_WORKERS) return;
    const counted = processes.old.map((pid) => ({ pid, connections: this.#counters.connectionsOf(pid) }));
    counted.sort((a, b) => a.connections - b.connections);
    for (const { pid, connections } of counted.slice(0, counted.length - MAX_OLD_WORKERS + 1)) {
      this.#options.log("warn", "ends an old worker of haproxy: too many reloads follow one another", {
        pid,
        connections,
      });
      signal(pid, "SIGTERM");
    }
  }

  async #countOld(): Promise<number> {
    return (await readProcesses(this.#place.masterSocket))?.old.length ?? 0;
  }

  /** Counts of all workers; the newest by its own socket, the old ones through the master. */
  async #count(): Promise<Processes | undefined> {
    const processes = await readProcesses(this.#place.masterSocket);
    if (processes === undefined) return undefined;
    const counts = new Map<number, WorkerCount>();
    const workers = [...processes.old, ...(processes.worker === undefined ? [] : [processes.worker])];
    await Promise.all(
      workers.map(async (pid) => {
        const isNewest = pid === processes.worker;
        const put = (question: string): Promise<string> =>
          isNewest ? ask(this.#runtime, question) : ask(this.#place.masterSocket, `@!${pid} ${question}`);
        try {
          counts.set(pid, readWorker(await put(SERVER_QUESTION), await put(FRONT_QUESTION)));
        } catch {
          // It ended meanwhile; its last count is kept.
        }
      }),
    );
    this.#counters.take(counts);
    return processes;
  }

  #began(pid: number): void {
    this.#wordsFrom = wordsLength(this.#place.words);
    this.#unwatch?.();
    this.#pid = pid;
    this.#unwatch = watchEnd(pid, () => this.#ended(pid));
    this.#news.attach();
    if (this.#listeners.size > 0) this.#pulse.start();
  }

  #ended(pid: number): void {
    if (this.#pid !== pid) return;
    this.#pid = undefined;
    this.#running = undefined;
    this.#news.detach();
    this.#pulse.stop();
    const alerts = wordsSince(this.#place.words, this.#wordsFrom)
      .split("\n")
      .filter((line) => line.startsWith("[ALERT]"));
    const last = alerts.slice(-2).map((line) => line.replace(/^\[ALERT\]\s+\(\d+\) : /, ""));
    this.#tell({
      kind: "ended",
      detail: `haproxy (process ${pid}) ended${last.length > 0 ? `: ${last.join("; ")}` : ""}`,
    });
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
  #replaceFiles({ files }: Prepared): void {
    const name = this.#generations.write(files);
    this.#generations.enliven(name);
    this.#generations.keepOnly(name);
  }

  #remember(wanted: Wanted, { prints }: Prepared): void {
    this.#running = { wanted, prints };
    const text = JSON.stringify(this.#running);
    this.#later(() => {
      const file = join(this.#options.directory, RUNNING_FILE);
      writeFileSync(`${file}.next`, text, { mode: 0o600 });
      renameSync(`${file}.next`, file);
    });
  }

  #readRunning(): Running | undefined {
    try {
      return JSON.parse(readFileSync(join(this.#options.directory, RUNNING_FILE), "utf8")) as Running;
    } catch {
      return undefined;
    }
  }
}

function changedFiles(before: Running["prints"] | undefined, after: Running["prints"]): ChangedFile[] {
  if (before === undefined) return [];
  // Files that come or go are named in the config, which tells of them.
  return Object.entries(after)
    .filter(([path, print]) => before[path] !== undefined && before[path] !== print)
    .map(([path]) => ({ path, kind: kindOf(path) }));
}

function kindOf(path: string): ChangedFile["kind"] {
  if (path === USERS_FILE) return "login";
  return path.startsWith("certificates/") ? "certificate" : "error-page";
}

function configOf(files: readonly EngineFile[]): string {
  return String(files.find(({ path }) => path === CONFIG_FILE)?.content ?? "");
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < MIN_VERSION[0] || (major === MIN_VERSION[0] && minor < MIN_VERSION[1]);
}

function failed(problem: Problem): { readonly ok: false; readonly problems: readonly Problem[] } {
  return { ok: false, problems: [problem] };
}
