/** The few numbers that a table needs, and how it writes them. */

/** The middle value; of an even count the mean of the two in the middle. NaN of nothing. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.ceil(half) - 1], sorted[Math.floor(half)]];
  return (low + high) / 2;
}

/** How many connections of a phase were refused. */
export function refused(trial: { readonly failures: Readonly<Record<string, number>> }): number {
  return trial.failures["ECONNREFUSED"] ?? 0;
}

/** The largest value; NaN of nothing. */
export function worst(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : Math.max(...values);
}

export function seconds(ms: number): string {
  return Number.isFinite(ms) ? `${(ms / 1000).toFixed(2)} s` : "–";
}

export function milliseconds(ms: number): string {
  return `${Math.round(ms)} ms`;
}

export function holding(ms: number): string {
  return ms >= 1000 ? seconds(ms) : `${Math.ceil(ms)} ms`;
}

export function gapOrNone(ms: number): string {
  return ms === 0 ? "none" : seconds(ms);
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
