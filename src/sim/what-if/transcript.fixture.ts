/**
 * Compares what `simulate` prints without what only chance decides: times, epochs, and the order of lines of one
 * moment. So a transcript in a case or on a page stays true when the simulator draws other delays, and is wrong as
 * soon as other nodes do other things for other reasons.
 */

const TIME = /^ +[0-9]+\.[0-9]{3} /;

/** What must be equal. */
export function essence(transcript: string): string {
  const lines = transcript.trimEnd().split("\n").map(withoutChance);
  const ordered: string[] = [];
  let burst: string[] = [];
  for (const line of lines) {
    if (isTimed(line)) {
      burst.push(line);
      continue;
    }
    ordered.push(...burst.sort(), line);
    burst = [];
  }
  return [...ordered, ...burst.sort()].join("\n");
}

/** Lines of the timeline that may change places with their neighbours: all but the script's own and folded times. */
function isTimed(line: string): boolean {
  return line.startsWith("~ ") && !line.startsWith("~ script");
}

function withoutChance(line: string): string {
  return line
    .replace(TIME, "~ ")
    .replaceAll(/ {2,}/g, " ")
    .replaceAll(/\b[0-9]+(\.[0-9]+)? (ms|s)\b/g, "~")
    .replaceAll(/\bepoch [0-9]+/g, "epoch ~")
    .replaceAll(/\bseed [0-9]+/g, "seed ~");
}
