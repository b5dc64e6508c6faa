/**
 * Sizes as people write them in the cluster file: `30MB`, `128kB`. The units are powers of 1024, because whoever
 * writes 30MB here has written `30m` for nginx or `30M` for PHP before, and there it is 31,457,280 bytes.
 */

const BYTES_PER_UNIT: ReadonlyMap<string, number> = new Map([
  ["B", 1],
  ["kB", 1_024],
  ["MB", 1_048_576],
  ["GB", 1_073_741_824],
]);

/** How a size looks, for schemas and messages. */
export const SIZE_PATTERN = "^[0-9]+(\\.[0-9]+)?(B|kB|KB|MB|GB|KiB|MiB|GiB)$";

/** Bytes of `text`, or undefined when it is no size or not a whole number of bytes. */
export function parseSize(text: string): number | undefined {
  const parts = /^([0-9]{1,12}(?:\.[0-9]{1,3})?)(B|[kK]i?B|Mi?B|Gi?B)$/.exec(text);
  const unit = (parts?.[2] ?? "").replace("i", "").replace("K", "k");
  const bytes = Number(parts?.[1]) * (BYTES_PER_UNIT.get(unit) ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** The shortest exact text of whole bytes: 31457280 is `30MB`. */
export function formatSize(bytes: number): string {
  let text = `${bytes}B`;
  for (const [unit, perUnit] of BYTES_PER_UNIT) {
    if (bytes !== 0 && bytes % perUnit === 0) text = `${bytes / perUnit}${unit}`;
  }
  return text;
}

/** What was probably meant by a size without its unit or with another program's: `30m` is `30MB`. */
export function nearestSize(text: string): string | undefined {
  const parts = /^([0-9]{1,12}(?:\.[0-9]{1,3})?) ?([kKmMgG]?)(?:i?[bB])?$/.exec(text.trim());
  if (parts === null) return undefined;
  const unit = (parts[2] ?? "").toUpperCase().replace("K", "k");
  return `${parts[1]}${unit}B`;
}
