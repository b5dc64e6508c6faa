/** An engine that only remembers what it was asked, for tests of everything around the drivers. */

import type { Wanted } from "../../core/balancer/wanted.ts";
import type { Problem, Result } from "../../core/base/report.ts";
import type {
  Applied,
  Engine,
  EngineFigures,
  EngineHealth,
  EngineNews,
  MemberFigures,
} from "../../host/engines/engine.ts";

export class PretendedEngine implements Engine {
  readonly name = "haproxy";
  /** What it was asked, one word each. */
  readonly did: string[] = [];
  /** What it runs with. */
  carries: Wanted | undefined;
  isRunning = false;
  /** An earlier self of the daemon left it running. */
  wasRunning = false;
  /** Why it refuses a config; undefined: it accepts. */
  refuses: (wanted: Wanted) => Problem | undefined = () => undefined;
  lacks: Problem | undefined;
  /** An apply waits for this. */
  gate: Promise<void> = Promise.resolve();
  members: readonly MemberFigures[] = [];
  /** Somebody changed it by hand. */
  wasAltered = false;
  readonly #followers = new Set<(news: EngineNews) => void>();

  async probe(): Promise<Result<{ readonly version: string }>> {
    this.did.push("probe");
    if (this.lacks !== undefined) return { ok: false, problems: [this.lacks] };
    return { ok: true, value: { version: "2.6.12" }, problems: [] };
  }

  render(): [] {
    return [];
  }

  async check(wanted: Wanted): Promise<Result<void>> {
    this.did.push("check");
    const problem = this.refuses(wanted);
    return problem === undefined ? { ok: true, value: undefined, problems: [] } : { ok: false, problems: [problem] };
  }

  async apply(wanted: Wanted): Promise<Result<Applied>> {
    this.did.push("apply");
    this.wasAltered = false;
    await this.gate;
    const problem = this.refuses(wanted);
    if (problem !== undefined) return { ok: false, problems: [problem] };
    const by = this.isRunning ? (this.carries === wanted ? "nothing" : "reload") : "start";
    this.carries = wanted;
    this.isRunning = true;
    return { ok: true, value: { by, durationMs: 3, oldWorkers: 0 }, problems: [] };
  }

  async adopt(): Promise<boolean> {
    this.did.push("adopt");
    this.isRunning = this.wasRunning;
    return this.wasRunning;
  }

  health(): EngineHealth {
    return this.isRunning ? { state: "running", pid: 77 } : { state: "stopped" };
  }

  async figures(): Promise<EngineFigures> {
    if (!this.isRunning) throw new Error("it does not run");
    const counts = { oldWorkers: 0, connections: 4, requestsPerSecond: 20, requests: 900, serverErrors: 1 };
    return { version: "2.6.12", pid: 77, ...counts, members: this.members };
  }

  async isAltered(): Promise<boolean> {
    return this.wasAltered;
  }

  follow(heard: (news: EngineNews) => void): () => void {
    this.#followers.add(heard);
    return () => this.#followers.delete(heard);
  }

  async stop(graceMs: number): Promise<void> {
    this.did.push(`stop ${graceMs}`);
    this.isRunning = false;
  }

  release(): void {
    this.did.push("release");
  }

  /** Tells everybody who follows. */
  say(news: EngineNews): void {
    for (const heard of this.#followers) heard(news);
  }

  die(detail: string): void {
    this.isRunning = false;
    this.say({ kind: "ended", detail });
  }
}
