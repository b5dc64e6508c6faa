/** The golden cases of nginx' config, written as those of HAProxy's: `=== title`, the balancer's part, `>>>`, the config. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { renderNginx } from "../../src/core/balancer/nginx.ts";
import type { RenderedFile } from "../../src/core/balancer/wanted.ts";
import { wantedBy } from "./haproxy-cases.ts";

export const CASES_FILE = fileURLToPath(new URL("../../src/core/balancer/cases/nginx/sites.txt", import.meta.url));

interface NginxCase {
  readonly title: string;
  readonly input: string;
  readonly expected: string;
}

export function readNginxCases(): NginxCase[] {
  return readFileSync(CASES_FILE, "utf8")
    .split(/^=== /m)
    .slice(1)
    .map((text) => {
      const title = text.slice(0, text.indexOf("\n"));
      const [input = "", expected = ""] = text.slice(title.length + 1).split(/^>>>\n/m);
      return { title, input, expected: expected.trim() };
    });
}

export function renderedByNginx(input: string, directory: string): readonly RenderedFile[] {
  return renderNginx(
    wantedBy(`  engine: nginx\n${input}`),
    { directory },
    {
      account: undefined,
      generation: "g",
      temporaryFolder: `${directory}/temporary`,
    },
  );
}
