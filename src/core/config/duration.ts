/**
 * Durations as people write them in the cluster file: `100ms`, `30s`, `5m`, `1h`. A number without a unit is
 * refused, because "100" has meant seconds to one reader and milliseconds to another.
 */

const MS_PER_UNIT: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/** How a duration looks, for schemas and messages. */
export const DURATION_PATTERN = "^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$";

/** Milliseconds of `text`, or undefined when it is no duration or not a whole number of milliseconds. */
export function parseDuration(text: string): number | undefined {
  const parts = /^([0-9]{1,15}(?:\.[0-9]{1,3})?)(ms|s|m|h|d)$/.exec(text);
  const perUnit = MS_PER_UNIT.get(parts?.[2] ?? "");
  if (parts === null || perUnit === undefined) return undefined;
  const [whole = "0", fraction = ""] = (parts[1] ?? "").split(".");
  // Thousandths keep the arithmetic in integers: 1.1 s is not 1100.0000000000002 ms.
  const thousandths = (Number(whole) * 1_000 + Number(fraction.padEnd(3, "0"))) * perUnit;
  const ms = thousandths / 1_000;
  return Number.isSafeInteger(thousandths) && Number.isInteger(ms) ? ms : undefined;
}

/** The shortest exact text of whole milliseconds: 90000 is `90s`, 100 is `100ms`, 3600000 is `1h`. */
export function formatDuration(ms: number): string {
  let text = `${ms}ms`;
  for (const [unit, perUnit] of MS_PER_UNIT) {
    if (ms !== 0 && ms % perUnit === 0) text = `${ms / perUnit}${unit}`;
  }
  return text;
}
