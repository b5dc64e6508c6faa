/**
 * Two texts as a unified diff, as `diff -u` writes it, by Myers' algorithm ("An O(ND) Difference Algorithm and Its
 * Variations", 1986). Texts that have almost nothing in common are told as one replacement: nobody reads such a diff,
 * and looking for the shortest would take for ever.
 */

/** One line of the edit. */
interface Edit {
  readonly kind: "same" | "gone" | "new";
  readonly line: string;
}

/** Unchanged lines around a change. */
const CONTEXT = 3;
/** Edits that are searched for; the search's memory grows with the square. */
const MOST_EDITS = 1_500;
/** Lines that say in which section of an engine's file a change is. */
const SECTION = /^[a-z]|^\s*(upstream|location)\s.*\{$/;

export interface DiffNames {
  readonly before: string;
  readonly after: string;
}

/** Lines of the diff without newlines; empty when the texts are the same. */
export function unifiedDiff(before: string, after: string, names: DiffNames): string[] {
  const [old, now] = [linesOf(before), linesOf(after)];
  const edits = editsBetween(old, now);
  const hunks = hunksOf(edits);
  return hunks.length === 0 ? [] : [`--- ${names.before}`, `+++ ${names.after}`, ...hunks.flatMap((hunk) => hunk)];
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

function editsBetween(old: readonly string[], now: readonly string[]): Edit[] {
  const shorter = Math.min(old.length, now.length);
  let head = 0;
  while (head < shorter && old[head] === now[head]) head += 1;
  let tail = 0;
  while (tail < shorter - head && old[old.length - 1 - tail] === now[now.length - 1 - tail]) tail += 1;
  return [
    ...old.slice(0, head).map((line) => edit("same", line)),
    ...shortestEdits(old.slice(head, old.length - tail), now.slice(head, now.length - tail)),
    ...old.slice(old.length - tail).map((line) => edit("same", line)),
  ];
}

function edit(kind: Edit["kind"], line: string): Edit {
  return { kind, line };
}

/** The furthest reaching paths of every length, kept, and then walked back from the end. */
function shortestEdits(old: readonly string[], now: readonly string[]): Edit[] {
  const most = Math.min(old.length + now.length, MOST_EDITS);
  const offset = most + 1;
  const reach = new Int32Array(2 * most + 3);
  const trace: Int32Array[] = [];
  for (let count = 0; count <= most; count += 1) {
    trace.push(reach.slice(offset - count - 1, offset + count + 2));
    for (let diagonal = -count; diagonal <= count; diagonal += 2) {
      const isDown =
        diagonal === -count ||
        (diagonal !== count && at(reach, offset + diagonal - 1) < at(reach, offset + diagonal + 1));
      let x = isDown ? at(reach, offset + diagonal + 1) : at(reach, offset + diagonal - 1) + 1;
      let y = x - diagonal;
      while (x < old.length && y < now.length && old[x] === now[y]) {
        x += 1;
        y += 1;
      }
      reach[offset + diagonal] = x;
      if (x >= old.length && y >= now.length) return walkBack(old, now, trace);
    }
  }
  return [...old.map((line) => edit("gone", line)), ...now.map((line) => edit("new", line))];
}

function walkBack(old: readonly string[], now: readonly string[], trace: readonly Int32Array[]): Edit[] {
  const edits: Edit[] = [];
  let [x, y] = [old.length, now.length];
  for (let count = trace.length - 1; count >= 0; count -= 1) {
    const reach = trace[count] ?? new Int32Array();
    const middle = count + 1;
    const diagonal = x - y;
    const isDown =
      diagonal === -count ||
      (diagonal !== count && at(reach, middle + diagonal - 1) < at(reach, middle + diagonal + 1));
    const before = isDown ? diagonal + 1 : diagonal - 1;
    const startX = count === 0 ? 0 : at(reach, middle + before);
    const startY = count === 0 ? 0 : startX - before;
    while (x > startX && y > startY) {
      x -= 1;
      y -= 1;
      edits.push(edit("same", old[x] ?? ""));
    }
    if (count > 0) edits.push(isDown ? edit("new", now[startY] ?? "") : edit("gone", old[startX] ?? ""));
    [x, y] = [startX, startY];
  }
  return edits.reverse();
}

function at(values: Int32Array, index: number): number {
  return values[index] ?? 0;
}

/** Changes that are near each other, with the lines around them, each under its heading. */
function hunksOf(edits: readonly Edit[]): string[][] {
  const hunks: string[][] = [];
  const changed = edits.flatMap(({ kind }, index) => (kind === "same" ? [] : [index]));
  let from = 0;
  while (from < changed.length) {
    let to = from;
    while (to + 1 < changed.length && (changed[to + 1] ?? 0) - (changed[to] ?? 0) <= 2 * CONTEXT + 1) to += 1;
    const start = Math.max(0, (changed[from] ?? 0) - CONTEXT);
    const end = Math.min(edits.length, (changed[to] ?? 0) + CONTEXT + 1);
    hunks.push(hunkOf(edits, start, end));
    from = to + 1;
  }
  return hunks;
}

const MARK = { same: " ", gone: "-", new: "+" } as const;

function hunkOf(edits: readonly Edit[], start: number, end: number): string[] {
  const before = edits.slice(0, start);
  const inside = edits.slice(start, end);
  const range = (other: Edit["kind"]): string => {
    const length = inside.filter(({ kind }) => kind !== other).length;
    const first = before.filter(({ kind }) => kind !== other).length + (length === 0 ? 0 : 1);
    return length === 1 ? String(first) : `${first},${length}`;
  };
  const section = before.findLast(({ kind, line }) => kind !== "new" && SECTION.test(line))?.line.trim() ?? "";
  const heading = `@@ -${range("new")} +${range("gone")} @@${section === "" ? "" : ` ${section}`}`;
  return [heading, ...inside.map(({ kind, line }) => `${MARK[kind]}${line}`)];
}
