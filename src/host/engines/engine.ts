/**
 * What the daemon needs from an engine, the same for all of them. A driver turns a `Wanted` into the engine's own
 * words, lets the engine itself check them, puts them into effect without losing a connection, and tells what it sees.
 * It decides nothing: when to apply, what a failure means and who is told is the supervisor's business.
 */

import type { Problem, Result } from "../../core/base/report.ts";
import type { EngineName } from "../../core/config/balancer.ts";
import type { MemberKey, RenderedFile, Wanted } from "../../core/balancer/wanted.ts";

export interface EngineOptions {
  /** The engine's own directory (config, sockets, certificates); made with mode 0750 when absent. Absolute. */
  readonly directory: string;
  /** Starts the program: as a child of ours, or by its own unit. */
  readonly run: "child" | { readonly unit: string };
  /** A line for the journal. */
  readonly log: (level: "info" | "warn" | "error", message: string, fields?: Readonly<Record<string, unknown>>) => void;
}

/** How a `Wanted` was put into effect. */
export interface Applied {
  /** `start`: the engine was not running; `runtime`: no reload was needed. */
  readonly by: "nothing" | "runtime" | "reload" | "start";
  readonly durationMs: number;
  /** Older workers that still serve their connections. */
  readonly oldWorkers: number;
}

export type EngineHealth = { readonly state: "running"; readonly pid: number } | { readonly state: "stopped" };

/** Something that the engine found or that happened to it, without being asked. */
export type EngineNews =
  /** The process ended, or no longer answers on its socket. `detail` holds its own last words. */
  | { readonly kind: "ended"; readonly detail: string }
  /** A check of the engine's own changed its mind about a member. */
  | { readonly kind: "member"; readonly key: MemberKey; readonly isUp: boolean; readonly detail: string };

/** Figures of one member on this node's engine. */
export interface MemberFigures extends MemberKey {
  /** By the engine's checks, or by ours where it has none; `unknown` before the first. */
  readonly health: "up" | "down" | "unknown";
  /** The last check in the engine's words; empty without one. */
  readonly detail: string;
  /** Connections and requests in progress now, of all workers that can be asked. */
  readonly sessions: number;
  readonly queued: number;
  /** Requests since the engine started. */
  readonly requests: number;
  /** Since the last request was given to it; undefined: never. */
  readonly idleSeconds: number | undefined;
  readonly weight: number;
  readonly isDraining: boolean;
}

export interface EngineFigures {
  readonly version: string;
  readonly pid: number;
  readonly oldWorkers: number;
  /** Connections of clients now. */
  readonly connections: number;
  readonly requestsPerSecond: number;
  readonly requests: number;
  /** Answers with a status of 500 and above since the start. */
  readonly serverErrors: number;
  readonly members: readonly MemberFigures[];
}

export interface Engine {
  readonly name: EngineName;
  /** Program and version, or why it cannot be used (not installed, too old). */
  probe(): Promise<Result<{ readonly version: string }>>;
  /** The files that it would use, for `render` and `diff`; reads and writes nothing. */
  render(wanted: Wanted): readonly RenderedFile[];
  /** Lets the engine itself check a candidate beside the live files; changes nothing that is live. */
  check(wanted: Wanted): Promise<Result<void>>;
  /**
   * Puts it into effect: starts the engine when it does not run, else by the runtime interface or one reload. The
   * candidate is checked before it is swapped in; on failure the running config stays as it is and its files in place.
   * Calls must not overlap.
   */
  apply(wanted: Wanted): Promise<Result<Applied>>;
  /** Takes over an engine that an earlier self of the daemon left running; false when there is none. */
  adopt(wanted: Wanted): Promise<boolean>;
  health(): EngineHealth;
  figures(): Promise<EngineFigures>;
  /**
   * Whether somebody else changed what it carries, such as a member's weight by hand; the next apply puts it right. Only
   * engines that can be changed past their files have it.
   */
  isAltered?(): Promise<boolean>;
  /** Calls back for news; returns a function that ends it. */
  follow(heard: (news: EngineNews) => void): () => void;
  /** Ends it: present connections get `graceMs`, then it is killed. Restores what was changed on the machine. */
  stop(graceMs: number): Promise<void>;
  /** Lets go without ending the engine, before the daemon's next self takes over. */
  release(): void;
}

/** Words of an engine that could not do it, as an operator needs them. */
export function engineProblem(code: string, message: string, next: string): Problem {
  return { code, severity: "error", message, next };
}
