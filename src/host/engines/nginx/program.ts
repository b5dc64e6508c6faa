/**
 * The program itself: which version, what it says about a candidate, and how its master is started, found
 * again and ended; as a child that outlives us, or by a unit of systemd.
 */

import { existsSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { CONFIG_FILE, pidFile, statusSocket } from "../../../core/balancer/nginx.ts";
import type { CommandResult } from "../../ports.ts";
import type { EngineOptions } from "../engine.ts";
import { LIVE } from "../generations.ts";
import { awaitEnd, findByPidFile, identify, launch, type ProcessIdentity, signal } from "../process.ts";
import { hasUnitFailed, run, startUnit, stopUnit } from "../programs.ts";
import { workersOf } from "./workers.ts";

export const PROGRAM = "nginx";
/** Whom workers run as on Debian, and elsewhere. */
const ACCOUNTS = ["www-data", "nginx"];
const CHECK_LIMIT_MS = 60_000;
const TERM_MS = 1_000;
const LOOK_EVERY_MS = 5;

/** Version, and how it was built. */
export async function readVersion(
  program: string,
): Promise<{ readonly version: string; readonly build: string } | undefined> {
  // On a busy machine the words may come after the end, and too late.
  for (let attempt = 1; attempt <= 5; attempt++) {
    const { output } = await run([program, "-V"], 10_000);
    const version = /^nginx version: \S+?\/(\S+)/m.exec(output)?.[1];
    if (version !== undefined && output.includes("configure arguments:")) return { version, build: output };
  }
  return undefined;
}

export interface Account {
  readonly user: string;
  readonly group: string;
  readonly userId: number;
  readonly groupId: number;
}

/** Whom workers run as: nobody special where there is no such user or, in a lab of an ordinary user, it cannot be taken. */
export function findAccount(): Account | undefined {
  try {
    if (!/ 4294967295\s*$/m.test(readFileSync("/proc/self/uid_map", "latin1"))) return undefined;
    const users = readFileSync("/etc/passwd", "utf8");
    const groups = readFileSync("/etc/group", "utf8");
    for (const name of ACCOUNTS) {
      const groupId = new RegExp(`^${name}:[^:]*:(\\d+):`, "m").exec(groups)?.[1];
      const userId = new RegExp(`^${name}:[^:]*:(\\d+):`, "m").exec(users)?.[1];
      if (groupId !== undefined && userId !== undefined)
        return { user: name, group: name, userId: Number(userId), groupId: Number(groupId) };
    }
  } catch {
    // Without these files nobody has a name.
  }
  return undefined;
}

/** nginx' master as one that we start, find and end. */
export class Master {
  readonly #directory: string;
  readonly #run: EngineOptions["run"];
  readonly #config: string;

  constructor({ directory, run: how }: Pick<EngineOptions, "directory" | "run">) {
    this.#directory = directory;
    this.#run = how;
    this.#config = join(directory, LIVE, CONFIG_FILE);
  }

  /** What a start says before nginx has its own file. */
  get firstWords(): string {
    return join(this.#directory, "start.log");
  }

  /** Lets nginx check a folder of files. */
  check(program: string, folder: string): Promise<CommandResult> {
    const argv = [program, "-t", "-q", "-p", this.#directory, "-c", join(folder, CONFIG_FILE)];
    return run(argv, CHECK_LIMIT_MS);
  }

  /** One that runs already with our files. */
  find(): ProcessIdentity | undefined {
    return findByPidFile(pidFile({ directory: this.#directory }), ({ pid, argv }) => {
      // It writes its title over its arguments, as one word.
      const title = argv.join(" ").trim();
      const isNginx = title.startsWith("nginx: master process") || basename(argv[0] ?? "") === PROGRAM;
      return isNginx && title.includes(`-c ${this.#config}`) && hasNginxInside(pid);
    });
  }

  /** Starts it; resolves before it is ready, with its number when it is a child. Rejects with words. */
  async start(program: string): Promise<number | undefined> {
    // A killed master leaves them behind.
    rmSync(statusSocket({ directory: this.#directory }), { force: true });
    rmSync(pidFile({ directory: this.#directory }), { force: true });
    if (this.#run === "child") {
      rmSync(this.firstWords, { force: true });
      return await launch({
        argv: [program, "-p", this.#directory, "-c", this.#config, "-g", "daemon off;"],
        directory: this.#directory,
        words: this.firstWords,
      });
    }
    await startUnit(this.#run.unit);
    return undefined;
  }

  /** Whether its unit has failed meanwhile; a child is watched by its number. */
  async hasFailed(): Promise<boolean> {
    return this.#run !== "child" && (await hasUnitFailed(this.#run.unit));
  }

  /** Ends it: soft for `graceMs`, then not. */
  async stop(pid: number, graceMs: number): Promise<void> {
    if (graceMs > 0) {
      signal(pid, "SIGQUIT");
      if (!(await awaitEnd(pid, graceMs))) {
        signal(pid, "SIGTERM");
        await awaitEnd(pid, TERM_MS);
      }
    }
    if (this.#run !== "child") await stopUnit(this.#run.unit);
    if (identify(pid) !== undefined) signal(pid, "SIGKILL");
    await awaitEnd(pid, TERM_MS);
    await this.#killWorkers(pid);
    for (const file of [pidFile({ directory: this.#directory }), statusSocket({ directory: this.#directory })])
      rmSync(file, { force: true });
  }

  /**
   * Workers go on when their master is killed, and keep its ports. They are asked to finish what they have, which
   * frees the ports at once; who does not obey is killed.
   */
  async dismissOrphans(): Promise<void> {
    const file = pidFile({ directory: this.#directory });
    const pid = existsSync(file) ? Number(readFileSync(file, "latin1").trim()) : Number.NaN;
    if (!Number.isInteger(pid) || pid <= 1 || identify(pid) !== undefined) return;
    for (const worker of workersOf(pid)) signal(worker.pid, "SIGQUIT");
    const limit = performance.now() + TERM_MS;
    while (performance.now() < limit) {
      if (workersOf(pid).every(({ isOld }) => isOld)) return;
      await sleep(LOOK_EVERY_MS);
    }
    await this.#killWorkers(pid);
  }

  async #killWorkers(master: number): Promise<void> {
    const workers = workersOf(master);
    for (const { pid } of workers) signal(pid, "SIGKILL");
    await Promise.all(workers.map(({ pid }) => awaitEnd(pid, TERM_MS)));
  }
}

function hasNginxInside(pid: number): boolean {
  try {
    return /^Name:\s+nginx$/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}
