/**
 * The program itself: which version, what it says about a candidate, and how its master is started, found
 * again and ended; as a child that outlives us, or by a unit of systemd.
 */

import { existsSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { CONFIG_FILE, USERS_FILE } from "../../../core/balancer/haproxy-names.ts";
import type { BalancerConfig } from "../../../core/config/balancer.ts";
import type { CommandResult } from "../../ports.ts";
import type { EngineOptions } from "../engine.ts";
import { raiseFileLimit } from "../../linux/libc.ts";
import { LIVE } from "../generations.ts";
import { awaitEnd, findByPidFile, identify, launch, type ProcessIdentity, processesOf, signal } from "../process.ts";
import { hasUnitFailed, killUnit, run, startUnit, stopUnit } from "../programs.ts";

export const PROGRAM = "haproxy";
/** Checking thousands of pools takes seconds. */
const CHECK_LIMIT_MS = 60_000;
/** Open files that HAProxy may have at least, and those beside clients' connections. */
const MIN_FILES = 65_536;
const SPARE_FILES = 16_384;
/** After the last word, before the kill. */
const TERM_MS = 1_000;

/** `2.6.12-1+deb12u4`, or undefined. */
export async function readVersion(program: string): Promise<string | undefined> {
  const { output } = await run([program, "-v"], 10_000);
  return /^HAProxy version (\S+)/m.exec(output)?.[1];
}

/** Lets HAProxy check a folder of files. */
export function checkFolder(program: string, folder: string): Promise<CommandResult> {
  const argv = [program, "-c", "-f", join(folder, CONFIG_FILE), "-f", join(folder, USERS_FILE)];
  return run(argv, CHECK_LIMIT_MS);
}

/** Whom workers run as: nobody special where Debian's user is missing or, in a lab of an ordinary user, cannot be taken. */
export function findAccount(): { readonly user: string; readonly group: string } | undefined {
  try {
    const isWhole = / 4294967295\s*$/m.test(readFileSync("/proc/self/uid_map", "latin1"));
    const has = (file: string): boolean => new RegExp(`^${PROGRAM}:`, "m").test(readFileSync(file, "utf8"));
    if (isWhole && has("/etc/passwd") && has("/etc/group")) return { user: PROGRAM, group: PROGRAM };
  } catch {
    // Without these files nobody has a name.
  }
  return undefined;
}

/** Paths that the command line, and not the config, names. */
export interface MasterPlace {
  readonly directory: string;
  readonly masterSocket: string;
  readonly pidFile: string;
  /** HAProxy's own words. */
  readonly words: string;
}

export function masterPlace(directory: string): MasterPlace {
  return {
    directory,
    masterSocket: join(directory, "master.sock"),
    pidFile: join(directory, "haproxy.pid"),
    words: join(directory, "haproxy.log"),
  };
}

/** HAProxy's master as one that we start, find and end. */
export class Master {
  readonly #place: MasterPlace;
  readonly #run: EngineOptions["run"];
  /** The one that we started. */
  #child: ProcessIdentity | undefined;

  constructor(place: MasterPlace, run: EngineOptions["run"]) {
    this.#place = place;
    this.#run = run;
  }

  /** One that runs already with our files. A child that has only begun has not written its number yet. */
  find(): ProcessIdentity | undefined {
    const child = this.#child === undefined ? undefined : identify(this.#child.pid);
    if (child !== undefined && child.startTicks === this.#child?.startTicks) return child;
    const config = join(this.#place.directory, LIVE, CONFIG_FILE);
    return findByPidFile(
      this.#place.pidFile,
      ({ argv }) => basename(argv[0] ?? "") === PROGRAM && argv.includes(config),
    );
  }

  /** Starts it; resolves before it is ready, with its number when it is a child. Rejects with words. */
  async start(
    program: string,
    { maxConnections }: Pick<BalancerConfig, "maxConnections">,
  ): Promise<number | undefined> {
    const { directory, masterSocket, pidFile, words } = this.#place;
    if (this.#run !== "child") {
      await startUnit(this.#run.unit);
      return undefined;
    }
    rmSync(pidFile, { force: true });
    // Two per connection, and those of listeners, checks and its own; a reload may ask for more than the start.
    raiseFileLimit(Math.max(2 * maxConnections, MIN_FILES) + SPARE_FILES);
    const live = join(directory, LIVE);
    const pid = await launch({
      argv: [
        ...[program, "-W", "-S", `${masterSocket},mode,600`, "-p", pidFile],
        ...["-f", join(live, CONFIG_FILE), "-f", join(live, USERS_FILE)],
      ],
      directory,
      words,
    });
    this.#child = identify(pid);
    return pid;
  }

  /** Whether its unit has failed meanwhile; a child is watched by its number. */
  async hasFailed(): Promise<boolean> {
    return this.#run !== "child" && (await hasUnitFailed(this.#run.unit));
  }

  /** Ends it: soft for `graceMs`, then not. */
  async stop(pid: number, graceMs: number): Promise<void> {
    if (graceMs > 0) {
      signal(pid, "SIGUSR1");
      if (!(await awaitEnd(pid, graceMs))) {
        signal(pid, "SIGTERM");
        await awaitEnd(pid, TERM_MS);
      }
    }
    if (this.#run !== "child") {
      if (this.find() !== undefined) await killUnit(this.#run.unit);
      await stopUnit(this.#run.unit);
    } else if (this.find()?.pid === pid) {
      // It was started as the leader of a session and a group, which its workers are in too.
      const all = processesOf(pid);
      signal(-pid, "SIGKILL");
      await Promise.all(all.map((one) => awaitEnd(one.pid, TERM_MS)));
    }
    if (!existsSync(`/proc/${pid}`)) rmSync(this.#place.pidFile, { force: true });
  }
}
