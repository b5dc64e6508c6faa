/**
 * Writes the reference pages that are made from the code, so that they cannot say something else than the code
 * does. `npm run docs` writes them; a test compares them with the files.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { reasonsPage } from "./pages/reasons-page.ts";

/** Every generated file: its path from the root, and its text. */
export function generatedPages(): ReadonlyMap<string, string> {
  return new Map([["docs/reference/reasons.md", reasonsPage()]]);
}

if (import.meta.main) {
  const root = fileURLToPath(new URL("..", import.meta.url));
  for (const [path, text] of generatedPages()) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    process.stdout.write(`wrote ${path}\n`);
  }
}
