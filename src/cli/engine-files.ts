/** The files of an engine for what it should carry, from the very driver that the daemon uses; nothing is touched. */

import { join } from "node:path";

import type { RenderedFile, Wanted } from "../core/balancer/wanted.ts";

/** `directory`: where the engine's files are on a node; it need not exist here. Paths are where the live files lie there. */
export async function filesFor(wanted: Wanted, directory: string): Promise<readonly RenderedFile[]> {
  const { createEngine } = await import("../daemon/balancer/engines.ts");
  const { LIVE } = await import("../host/engines/generations.ts");
  const engine = await createEngine(wanted.config.engine, { directory, run: "child", log: () => {} });
  return engine.render(wanted).map(({ path, content }) => ({ path: join(directory, LIVE, path), content }));
}
