/** The page about the mutation check, made from the catalogue of mutants and the record of the last whole run. */

import { CATALOGUE } from "../../src/sim/mutants/catalogue.ts";
import { cellsOf, readRecord } from "../../src/sim/mutants/table.ts";

/** Markdown of `docs/reference/mutants.md`. */
export function mutantsPage(): string {
  const record = readRecord();
  const caught = CATALOGUE.flatMap((mutant) => {
    if (!("within" in mutant)) return [];
    const [name = "", checker = "", faults = "", seeds = "", limit = ""] = cellsOf(mutant, record[mutant.name]);
    return [`| \`${name}\` | ${mutant.breaks} | ${checker} | ${faults} | ${seeds} | ${limit} |`];
  });
  const covered = CATALOGUE.flatMap((mutant) =>
    "within" in mutant
      ? []
      : [`| \`${mutant.name}\` | ${mutant.breaks} | ${mutant.coveredBy} | ${mutant.goldenCase} |`],
  );
  return `${INTRODUCTION}
## Caught by the simulator

| mutant | what is broken | caught by | shortest schedule found | seeds | limit |
|---|---|---|---|---|---|
${caught.join("\n")}

${COVERED}
| mutant | what is broken | why no schedule shows it | golden case |
|---|---|---|---|
${covered.join("\n")}
`;
}

const INTRODUCTION = `# Mutants

A simulator that never complains proves nothing until it complains about what is wrong. So the core is broken on
purpose, one rule at a time, and each broken core must be caught: by the checker that watches the promise which the
rule serves, within the stated number of seeds. \`npm run sim:mutants\` does that and prints the table; it ends with
exit code 1 if one survives, or if anything complains about the unbroken core in the same seeds.

A mutant is a short piece of the real source, replaced while it is loaded. *Seeds* is how many were needed in the run
that this page was written from; *limit* is how many it may need. Where chance is too slow, a *trial* is a schedule
written for the rule, at instants that the seed shifts. The schedule is the shortest that still shows it.

This page is generated from \`src/sim/mutants\` by \`npm run sim:mutants -- --record\` and \`npm run docs\`.
`;

const COVERED = `## Covered by another rule

Some rules stand behind others: no schedule of faults shows that they are missing, because another rule prevents the
harm first. They stay, since two rules must then fail at once. A golden case shows each of them by itself, and the
check demands that the case fails with the mutant.
`;
