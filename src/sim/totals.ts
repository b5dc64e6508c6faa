/** What a campaign adds up, and how it is told. */

import type { RunReport } from "./run.ts";

/** Gaps and overlaps kept for medians; later ones are only counted. */
const MOST_KEPT = 100_000;

export class Totals {
  seeds = 0;
  failed = 0;
  simulatedMs = 0;
  readonly checks = new Map<string, number>();
  readonly inflicted = new Map<string, number>();
  #moves = 0;
  #gaps = 0;
  #overlaps = 0;
  #faults = 0;
  readonly #requests = { sent: 0, answered: 0, refused: 0, unresolved: 0 };
  readonly #gapsMs: number[] = [];
  readonly #overlapsMs: number[] = [];

  add(report: RunReport): void {
    this.seeds++;
    if (report.violations.length > 0) this.failed++;
    this.simulatedMs += report.simulatedMs;
    this.#moves += report.moves;
    this.#gaps += report.gaps;
    this.#overlaps += report.unreachableOverlaps;
    const { sent, answered, refused, unresolved } = report.requests;
    this.#requests.sent += sent;
    this.#requests.answered += answered;
    this.#requests.unresolved += unresolved;
    this.#requests.refused += refused;
    keep(this.#gapsMs, report.takeoverGapsMs);
    keep(this.#overlapsMs, report.overlapsMs);
    for (const [name, runs] of Object.entries(report.checks))
      this.checks.set(name, (this.checks.get(name) ?? 0) + runs);
    for (const [kind, times] of Object.entries(report.inflicted)) {
      this.inflicted.set(kind, (this.inflicted.get(kind) ?? 0) + times);
      this.#faults += times;
    }
  }

  /** Checkers that never compared anything: they proved nothing. */
  idleCheckers(): string[] {
    return [...this.checks].flatMap(([name, runs]) => (runs === 0 ? [name] : []));
  }

  /** One line for a terminal. */
  status(realMs: number): string {
    const { seeds, failed, simulatedMs } = this;
    const speed = realMs > 0 ? simulatedMs / realMs : 0;
    return `${seeds} seeds, ${failed} failed; ${(simulatedMs / 3_600_000).toFixed(2)} simulated hours at ${speed.toFixed(0)} × real time; ${this.#faults} faults, ${this.#moves} moves`;
  }

  /** Everything, a line each. */
  lines(realMs: number): string[] {
    const gaps = this.#gapsMs.toSorted((a, b) => a - b);
    const overlaps = this.#overlapsMs.toSorted((a, b) => a - b);
    const { sent, answered, refused, unresolved } = this.#requests;
    const speed = realMs > 0 ? this.simulatedMs / realMs : 0;
    const lines = [
      `${this.seeds} ${this.seeds === 1 ? "seed" : "seeds"}: ${this.failed} failed; ${(this.simulatedMs / 1_000).toFixed(0)} simulated seconds in ${(realMs / 1_000).toFixed(1)} s (${speed.toFixed(0)} × real time)`,
      `moves ${this.#moves}, closures ${this.#gaps}, overlaps that nobody could reach ${this.#overlaps}`,
      `requests sent ${sent}, answered ${answered}, refused ${refused}, without an address ${unresolved}`,
    ];
    if (gaps.length > 0) lines.push(`takeover after power loss: ${gaps.length} gaps, ${spread(gaps)}`);
    if (overlaps.length > 0)
      lines.push(`served twice after a stopped clock: ${overlaps.length} times, ${spread(overlaps)}`);
    for (const [name, runs] of this.checks) lines.push(`checker "${name}" ran ${runs} times`);
    const kinds = [...this.inflicted].map(([kind, times]) => `${kind} ${times}`).join(", ");
    return [...lines, `faults inflicted ${this.#faults}: ${kinds === "" ? "none" : kinds}`];
  }
}

function keep(kept: number[], more: readonly number[]): void {
  if (kept.length < MOST_KEPT) kept.push(...more);
}

function spread(sorted: readonly number[]): string {
  const at = (share: number) => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(1);
  return `median ${at(0.5)} ms, 99 of 100 within ${at(0.99)} ms, longest ${at(1)} ms`;
}
