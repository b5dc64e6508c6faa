/**
 * One node's daemon: wires the heart (which decides and holds the leases, on a thread of its own) to everything
 * that may be slow: commands, checks, disk, sockets, the record. Nothing here is on the path of a takeover
 * except the start of services.
 */

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";

import { createApiServer } from "../api/server.ts";
import { listenOnSocket, socketPath } from "../api/socket.ts";
import type { Problem, Result } from "../core/base/report.ts";
import type { DecisionEvent } from "../core/node/effects.ts";
import type { Handover } from "../core/node/inputs.ts";
import { createCommands } from "../host/commands.ts";
import { createBackend } from "./cluster-view.ts";
import { ControlClient } from "./control-client.ts";
import { startControlServer } from "./control-server.ts";
import { watchEverywhere } from "./everywhere.ts";
import { armLabFaults, labFrameVersion } from "./faults.ts";
import { withoutBalancer } from "./heart-config.ts";
import { startHeart } from "./heart/handle.ts";
import type { Heart } from "./heart/handle.ts";
import { recordInputs } from "./input-record.ts";
import type { DaemonOptions, Loaded } from "./load.ts";
import { becomeNextSelf, flushAll, leave, slowDown } from "./lifecycle.ts";
import type { Flushable } from "./lifecycle.ts";
import { createLog } from "./log.ts";
import type { Log } from "./log.ts";
import { startMonitors } from "./monitors.ts";
import { createNotifier } from "./notify.ts";
import type { Notifier } from "./notify.ts";
import { claim, inherit } from "./prepare.ts";
import { openRecorder } from "./recorder.ts";
import type { Recorder } from "./recorder.ts";
import { startReplication } from "./replication.ts";
import { readRunning, removeRunning, RunningList, settingsRecord } from "./running.ts";
import { Services } from "./services.ts";
import { openStore } from "./store.ts";
import type { Store } from "./store.ts";
import { wireBalancer } from "./wire-balancer.ts";
import type { Balancing } from "./wire-balancer.ts";

const VERSION = (
  JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string }
).version;
/** For the disk at an ordinary end. */
const LAST_FLUSH_LIMIT_MS = 2_000;

/**
 * Runs until a signal ends it; resolves with the exit code. Problems that keep it from starting are given to
 * `refuse` and end it with 1.
 */
export async function runDaemon(
  options: DaemonOptions,
  loading: Promise<Result<Loaded>>,
  refuse: (problems: readonly Problem[]) => void,
): Promise<number> {
  const log = createLog(process.env);
  const loaded = await loading;
  if (!loaded.ok) {
    refuse(loaded.problems);
    return 1;
  }
  const lock = await claim(options);
  if (!lock.ok) {
    refuse(lock.problems);
    return 1;
  }
  for (const problem of loaded.problems) log.warn(problem.message, { code: problem.code, next: problem.next });
  armLabFaults(process.env);
  const daemon = new Daemon(options, loaded.value, log);
  // A defect ends the daemon: its leases lapse, and a half-working one must not look alive.
  for (const cause of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(cause, (error: unknown) =>
      daemon.fail("a defect: report it", error instanceof Error ? (error.stack ?? error.message) : String(error)),
    );
  }
  process.on("SIGTERM", () => daemon.leave("SIGTERM"));
  process.on("SIGINT", () => daemon.leave("SIGINT"));
  process.on("SIGHUP", () => daemon.restart());
  const code = await daemon.run();
  lock.value.close();
  log.flush();
  return code;
}

class Daemon {
  readonly #options: DaemonOptions;
  readonly #loaded: Loaded;
  readonly #log: Log;
  readonly #commands = createCommands();
  /** Undone in reverse order at the end. */
  readonly #ends: (() => unknown)[] = [];
  readonly #flushables: Flushable[] = [];
  #store: Store | undefined;
  readonly #finished: Promise<number>;
  #finish: (code: number) => void = () => {};
  readonly #heartReady: Promise<void>;
  #sayHeartReady: () => void = () => {};
  #heart: Heart | undefined;
  #notifier: Notifier | undefined;
  #balancing: Balancing | undefined;
  #isHeartReady = false;
  #isLeaving = false;

  constructor(options: DaemonOptions, loaded: Loaded, log: Log) {
    this.#options = options;
    this.#loaded = loaded;
    this.#log = log;
    this.#finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#heartReady = new Promise((resolve) => {
      this.#sayHeartReady = resolve;
    });
  }

  /** Starts everything and waits for the end. */
  async run(): Promise<number> {
    const { node, stateDir, runtimeDir } = this.#options;
    const failed = (what: string) => (error: Error) =>
      this.#log.error(`cannot write ${what}`, { detail: error.message });
    try {
      const handover = await inherit(this.#options, this.#commands, this.#log);
      const store = await openStore(stateDir, failed("the state file"), { runtimeDir });
      this.#store = store;
      const recorder = await openRecorder({
        node,
        incarnation: randomBytes(8).toString("hex"),
        stateDir,
        failed: failed("the event record"),
      });
      const running = new RunningList({
        runtimeDir,
        node,
        config: this.#loaded.config,
        failed: failed("the list of what runs"),
      });
      this.#flushables.push(store, recorder, running);
      running.adopt(handover === undefined ? undefined : await readRunning(runtimeDir));
      recorder.follow((record) => {
        if (record.by !== node) return;
        if (record.group !== undefined) this.#notifier?.status(record.text);
        const write = { info: this.#log.info, warning: this.#log.warn, alert: this.#log.error }[record.severity];
        write(record.text, {
          reason: record.reason,
          group: record.group,
          node: record.node,
          link: record.link,
          facts: record.facts,
        });
      });
      if (store.setAside !== undefined) {
        this.#record(recorder, {
          severity: "alert",
          reason: "STATE_SET_ASIDE",
          group: undefined,
          node,
          link: undefined,
          facts: { ...store.setAside },
        });
      }
      this.#startHeart({ store, recorder, running, handover });
      await this.#startRest({ store, recorder, isResumed: handover !== undefined });
    } catch (error) {
      this.fail("the daemon could not start", (error as Error).message);
    }
    const code = await this.#finished;
    await this.#end();
    return code;
  }

  /** Moves everything away, says goodbye and ends; a second call ends at once. */
  leave(signal: string): void {
    if (this.#isLeaving || this.#heart === undefined) {
      this.#log.warn("ending at once", { signal });
      this.#finish(this.#heart === undefined ? 0 : 1);
      return;
    }
    this.#isLeaving = true;
    this.#log.info("leaving", { signal });
    this.#notifier?.stopping();
    void leave(this.#heart, this.#log).then((inOrder) => this.#finish(inOrder ? 0 : 1));
  }

  /** Asks the core for a restart that keeps the leases. */
  restart(): void {
    if (this.#heart === undefined || this.#isLeaving) return;
    void this.#heart.request({ verb: "restart" }).then(
      (outcome) => {
        if (outcome.kind === "handover") this.#becomeNextSelf(outcome.handover);
        else this.#log.error("a restart was refused", { outcome: JSON.stringify(outcome) });
      },
      (error: unknown) => this.#log.error("a restart was not possible", { detail: (error as Error).message }),
    );
  }

  /** Ends the daemon because it cannot work. */
  fail(what: string, detail: string): void {
    this.#log.error(what, { detail });
    this.#finish(1);
  }

  #record(recorder: Recorder, event: Omit<DecisionEvent, "at">): void {
    recorder.record(event, Date.now());
  }

  #startHeart(parts: { store: Store; recorder: Recorder; running: RunningList; handover: Handover | undefined }): void {
    const { store, recorder, running, handover } = parts;
    const { configHash, keys } = this.#loaded;
    const config = withoutBalancer(this.#loaded.config);
    const { node, runtimeDir, stateDir } = this.#options;
    const frameVersion = labFrameVersion(process.env);
    const heart = startHeart({
      config,
      configHash,
      node,
      keys,
      ...store.initial,
      handover,
      settingsRecord: settingsRecord(runtimeDir),
      frameVersion,
    });
    this.#heart = heart;
    const resources = config.groups.flatMap((group) => group.resources);
    const services = new Services({
      node,
      commands: this.#commands,
      heart,
      running,
      stopOf: (id) =>
        resources.flatMap((resource) => (resource.kind === "service" && resource.id === id ? [resource.stop] : []))[0],
    });
    heart.on("run", (effect) => services.perform(effect));
    heart.on("persist", ({ epochs, wishes }) => store.save({ epochs, wishes }));
    heart.on("event", ({ event }) => this.#record(recorder, event));
    heart.on("log", ({ level, message, fields }) => this.#log[level](message, fields));
    heart.on("fatal", ({ message, next }) => this.fail(`the heart cannot work: ${message}`, next));
    heart.on("ready", () => {
      this.#isHeartReady = true;
      this.#sayHeartReady();
      this.#sayReady();
    });
    this.#flushables.push(
      recordInputs({
        heart,
        stateDir,
        software: VERSION,
        node,
        config,
        configHash,
        record: (event) => this.#record(recorder, event),
      }),
    );
    this.#ends.push(() => heart.end());
  }

  /** Everything that may come a moment later than the heart. */
  async #startRest(parts: { store: Store; recorder: Recorder; isResumed: boolean }): Promise<void> {
    const { store, recorder, isResumed } = parts;
    const heart = this.#heart;
    if (heart === undefined) throw new Error("the heart must be started first");
    const { config, keys } = this.#loaded;
    const { node, runtimeDir } = this.#options;
    const commands = this.#commands;
    const log = this.#log;

    const client = new ControlClient({ config, node, keys });
    const balancing = wireBalancer({
      options: this.#options,
      loaded: this.#loaded,
      heart,
      client,
      wishes: store.initial.wishes,
      restart: () => backend.submit({ verb: "restart" }, { kind: "operator" }),
      record: (event) => this.#record(recorder, event),
      log,
    });
    this.#balancing = balancing;
    this.#flushables.push(balancing);
    this.#ends.push(() => balancing.end(this.#isLeaving));
    const backend = createBackend({
      config,
      node,
      version: VERSION,
      heart,
      recorder,
      ask: (peer, question) => client.ask(peer, question),
      // The answer to whoever asked goes out first; the leases allow for it.
      handOver: (handover) => setTimeout(() => this.#becomeNextSelf(handover), 20),
      balancer: balancing.balancer,
      reload: balancing.reload,
      running: balancing.running,
    });
    const api = createApiServer(backend);
    const path = socketPath(runtimeDir);
    await listenOnSocket(api, path);
    this.#ends.push(() => {
      api.close();
      api.closeAllConnections();
      return rm(path, { force: true });
    });
    const control = startControlServer({ config, node, keys, backend, log });
    this.#ends.push(
      () => control.close(),
      () => client.close(),
    );
    slowDown();
    void this.#heartReady.then(() => balancing.start());
    this.#ends.push(startMonitors({ config, node, commands, heart, random: Math.random }));
    this.#ends.push(
      watchEverywhere({
        node,
        services: config.everywhere,
        commands,
        isResumed,
        record: (event) => this.#record(recorder, event),
      }),
    );
    const peers = config.nodes.map(({ name }) => name).filter((name) => name !== node);
    this.#ends.push(startReplication({ peers, recorder, openStream: (peer, from) => client.openStream(peer, from) }));
    this.#notifier = await createNotifier(process.env);
    this.#ends.push(this.#notifier.feedWatchdog());
    this.#sayReady();
  }

  /** Called when the heart is ready and when the rest is; the later call tells it. */
  #sayReady(): void {
    if (this.#notifier === undefined || !this.#isHeartReady) return;
    this.#notifier.ready(`${this.#options.node} of ${this.#loaded.config.cluster}`);
    this.#log.info("ready", {
      node: this.#options.node,
      cluster: this.#loaded.config.cluster,
      version: VERSION,
      pid: process.pid,
    });
  }

  #becomeNextSelf(handover: Handover): void {
    this.#balancing?.release();
    void becomeNextSelf({
      runtimeDir: this.#options.runtimeDir,
      handover,
      flushables: this.#flushables,
      log: this.#log,
    }).then((why) => this.fail("the restart failed", why));
  }

  async #end(): Promise<void> {
    for (const end of this.#ends.toReversed()) {
      try {
        await end();
      } catch (error) {
        this.#log.error("the end was not in order", { detail: (error as Error).message });
      }
    }
    await flushAll(this.#flushables, LAST_FLUSH_LIMIT_MS);
    await this.#store?.end().catch(() => {});
    const left = await readRunning(this.#options.runtimeDir);
    // Nothing runs any more: the stop hook has nothing to release.
    if (left?.resources.length === 0) await removeRunning(this.#options.runtimeDir).catch(() => {});
  }
}
