/** `understudy keygen FILE`: makes the cluster's shared key. */

import { Command } from "commander";
import { EXIT_ERRORS, EXIT_OK } from "../exit-codes.ts";
import { printProblems } from "../print-problems.ts";

interface KeygenOptions {
  readonly force?: boolean;
}

/** Exit codes: 0 written, 1 refused or failed. */
export function keygenCommand(): Command {
  return new Command("keygen")
    .description("Makes a cluster key: 32 random bytes, mode 0600; an existing file is never replaced unasked.")
    .argument("<file>", "where to write it; a cluster file that names none expects /etc/understudy/cluster.key")
    .option("--force", "replace an existing file")
    .action(async (file: string, options: KeygenOptions) => {
      const { createKeyFile } = await import("../../host/key-file.ts");
      const made = createKeyFile(file, options.force === true);
      printProblems(made.problems);
      if (made.ok)
        process.stdout.write(`wrote ${file}, mode 0600\nnext: copy it to the same place on every node, mode 0600\n`);
      process.exitCode = made.ok ? EXIT_OK : EXIT_ERRORS;
    });
}
