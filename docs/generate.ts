/**
 * Writes the reference pages that are made from the code, so that they cannot say something else than the code
 * does. `npm run docs` writes them; a test compares them with the files.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { clusterFilePage, clusterSchemaText } from "./pages/cluster-file-page.ts";
import { commandsPage } from "./pages/commands-page.ts";
import { enginesPage } from "./pages/engines-page.ts";
import { mutantsPage } from "./pages/mutants-page.ts";
import { reasonsPage } from "./pages/reasons-page.ts";

/** Every generated file: its path from the root, and its text. */
export async function generatedPages(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ["docs/reference/cluster-file.md", clusterFilePage()],
    ["docs/reference/cluster.schema.json", clusterSchemaText()],
    ["docs/reference/commands.md", await commandsPage()],
    ["docs/reference/engines.md", enginesPage()],
    ["docs/reference/mutants.md", mutantsPage()],
    ["docs/reference/reasons.md", reasonsPage()],
  ]);
}

if (import.meta.main) {
  const root = fileURLToPath(new URL("..", import.meta.url));
  for (const [path, text] of await generatedPages()) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    process.stdout.write(`wrote ${path}\n`);
  }
}
