/** `understudy render haproxy|nginx`: the files that an engine would get for a cluster file; nothing is touched. */

import { Argument, Command } from "commander";

import type { RenderedFile } from "../../core/balancer/wanted.ts";
import type { Problem, Result } from "../../core/base/report.ts";
import type { EngineName } from "../../core/config/balancer.ts";
import { EXIT_ERRORS, EXIT_OK, EXIT_USAGE } from "../exit-codes.ts";
import { printProblems } from "../print-problems.ts";
import { runtimeDirOf } from "../runtime-dir.ts";
import { paint } from "../terminal.ts";

interface RenderFlags {
  readonly config: string;
  readonly json?: boolean;
}

/** Exit codes: 0 printed, 1 errors in the file or an engine that cannot do it, 2 the file cannot be read. */
export function renderCommand(): Command {
  return new Command("render")
    .description("Prints the engine's files that a cluster file means, also those of an engine that it does not name.")
    .addArgument(new Argument("<engine>", "whose files").choices(["haproxy", "nginx"]))
    .option("--config <file>", "the cluster file", "/etc/understudy/cluster.yaml")
    .option("--json", "print one JSON object with the files instead of text")
    .action(async (engine: EngineName, flags: RenderFlags, command: Command) => {
      process.exitCode = await render(engine, flags, runtimeDirOf(command));
    });
}

async function render(engine: EngineName, flags: RenderFlags, runtimeDir: string): Promise<number> {
  const { engineDirectory } = await import("../../daemon/balancer/engines.ts");
  const directory = engineDirectory(runtimeDir);
  const rendered = await renderFile(engine, flags.config, directory);
  const { problems } = rendered;
  if (flags.json) {
    const files = rendered.ok ? rendered.value : [];
    const answer = { ok: rendered.ok, engine, files, problems };
    process.stdout.write(`${JSON.stringify(answer, undefined, 2)}\n`);
  } else {
    printProblems(problems);
    if (rendered.ok) printFiles(rendered.value);
  }
  if (rendered.ok) return EXIT_OK;
  const { UNREADABLE } = await import("../../host/config-file.ts");
  return problems.some(({ code }) => code === UNREADABLE) ? EXIT_USAGE : EXIT_ERRORS;
}

/** What the file means to this engine, whichever it names itself. */
async function renderFile(
  engine: EngineName,
  path: string,
  directory: string,
): Promise<Result<readonly RenderedFile[]>> {
  const { loadClusterFile } = await import("../../host/config-file.ts");
  const loaded = loadClusterFile(path, { engine });
  if (!loaded.ok) return loaded;
  const { balancer } = loaded.value.config;
  if (balancer === undefined) return { ok: false, problems: [noBalancer(path)] };
  const { filesFor } = await import("../engine-files.ts");
  const { wantedOf } = await import("../../core/balancer/wanted.ts");
  return { ok: true, value: await filesFor(wantedOf(balancer), directory), problems: loaded.problems };
}

function noBalancer(file: string): Problem {
  return {
    code: "BALANCER_NONE",
    severity: "error",
    message: `${file} has no balancer`,
    subject: { file },
    next: "add `balancer:` with sites and pools, or name another file with --config",
  };
}

/** With a heading for each, as `head` and `tail` tell several files apart. */
function printFiles(files: readonly RenderedFile[]): void {
  const parts = files.map(
    ({ path, content }) => `${paint("bold", `==> ${path} <==`)}\n${content.replace(/\n*$/, "\n")}`,
  );
  process.stdout.write(parts.join("\n"));
}
