/**
 * Looks at the files that an engine's config is made from besides the cluster file (certificates, error pages, the
 * password of the statistics page) and tells when one changed. A change is told only when the next look finds the same,
 * because a certificate and its key are replaced one after the other.
 */

import { stat } from "node:fs/promises";

import type { BalancerConfig } from "../../core/config/balancer.ts";

/** Between two looks; a changed file is told after the second one that found it so. */
const LOOK_EVERY_MS = 2_000;
/** Files asked for at the same time. */
const PARALLEL = 8;

/** Absolute paths of everything that is read for this config. */
export function filesOf(config: BalancerConfig): readonly string[] {
  const sites = config.sites.flatMap((site) => [
    ...(site.tls?.certificates.flatMap(({ certificate, key }) =>
      key === undefined ? [certificate] : [certificate, key],
    ) ?? []),
    ...site.errorPages.map(({ path }) => path),
  ]);
  return [...new Set([...sites, ...(config.stats === undefined ? [] : [config.stats.passwordFile])])];
}

/** Looks now and then at what `files` answers; returns a function that ends it. */
export function watchFiles(options: {
  readonly files: () => readonly string[];
  readonly changed: (paths: readonly string[]) => void;
  readonly everyMs?: number;
}): () => void {
  let known: ReadonlyMap<string, string> | undefined;
  let suspected: ReadonlyMap<string, string> = new Map();
  let isEnded = false;
  let timer: NodeJS.Timeout;
  const look = async (): Promise<void> => {
    const found = await marksOf(options.files());
    if (isEnded) return;
    const before = known ?? found;
    const different = new Map([...found].filter(([path, mark]) => before.has(path) && before.get(path) !== mark));
    const settled = [...different].filter(([path, mark]) => suspected.get(path) === mark).map(([path]) => path);
    // All or none: of a pair that is being replaced, the second half may not be there yet.
    const isSettled = settled.length > 0 && settled.length === different.size;
    known = isSettled ? found : new Map([...found].map(([path, mark]) => [path, before.get(path) ?? mark]));
    suspected = different;
    if (isSettled) options.changed(settled);
    timer = setTimeout(() => void look(), options.everyMs ?? LOOK_EVERY_MS);
    timer.unref();
  };
  void look();
  return () => {
    isEnded = true;
    clearTimeout(timer);
  };
}

/** What tells a file from what it was; the same word for all that cannot be read. */
async function marksOf(paths: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const marks = new Map<string, string>();
  for (let first = 0; first < paths.length; first += PARALLEL) {
    const some = paths.slice(first, first + PARALLEL);
    const found = await Promise.all(some.map(markOf));
    some.forEach((path, index) => marks.set(path, found[index] ?? ""));
  }
  return marks;
}

async function markOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = await stat(path);
    return `${dev} ${ino} ${size} ${mtimeMs} ${ctimeMs}`;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "unreadable";
  }
}
