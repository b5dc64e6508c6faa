/** Command line of the mutation check: breaks the core on purpose, and demands that the simulator notices. */

import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { CATALOGUE } from "./catalogue.ts";
import { controls, runCampaign, type Verdict } from "./campaign.ts";
import { RECORD_FILE, recordOf, tableLines } from "./table.ts";

const USAGE = `usage: npm run sim:mutants -- [NAME...] [--jobs N] [--brief] [--record] [--list]
  NAME       only these mutants (all)
  --jobs N   processes side by side (one a processor)
  --brief    do not search for the shortest schedule of faults
  --record   write what was found for the reference page; then run \`npm run docs\`
  --list     print the names`;

interface Options {
  names: string[];
  jobs: number;
  isBrief: boolean;
  isRecording: boolean;
  isListing: boolean;
}

function parseArguments(argv: readonly string[]): Options | string {
  const options: Options = {
    names: [],
    jobs: availableParallelism(),
    isBrief: false,
    isRecording: false,
    isListing: false,
  };
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] as string;
    if (word === "--brief") options.isBrief = true;
    else if (word === "--record") options.isRecording = true;
    else if (word === "--list") options.isListing = true;
    else if (word === "--jobs") {
      const value = argv[++index] ?? "";
      if (!/^[1-9]\d?$/.test(value)) return `--jobs takes 1 to 99, not "${value}"`;
      options.jobs = Number(value);
    } else if (word.startsWith("-")) return `unknown option ${word}`;
    else if (CATALOGUE.some(({ name }) => name === word)) options.names.push(word);
    else return `the catalogue has no mutant "${word}"; --list prints the names`;
  }
  return options.isRecording && options.isBrief ? "--record tells the shortest schedules: not with --brief" : options;
}

/** Runs as told; 0 when every mutant was caught and nothing complained about the unbroken core, else 1. */
export async function main(argv: readonly string[]): Promise<number> {
  if (argv.includes("--help") || argv.includes("-h")) {
    console.log(USAGE);
    return 0;
  }
  const options = parseArguments(argv);
  if (typeof options === "string") {
    console.error(`${options}\n${USAGE}`);
    return 2;
  }
  if (options.isListing) {
    for (const { name, breaks } of CATALOGUE) console.log(`${name.padEnd(34)} ${breaks}`);
    return 0;
  }
  const { names, jobs, isBrief } = options;
  const mutants = names.length === 0 ? CATALOGUE : CATALOGUE.filter(({ name }) => names.includes(name));
  const started = performance.now();
  const told = ({ mutant, result, complaint }: Verdict): void => {
    const { caught } = result ?? {};
    const found = caught === undefined ? "all seeds pass" : `${caught.checker}, seed ${caught.seed}: ${caught.text}`;
    console.log(`${complaint === undefined ? "ok  " : "FAIL"} ${mutant.name.padEnd(34)} ${complaint ?? found}`);
  };
  const verdicts = await runCampaign([...controls(mutants), ...mutants], { jobs, isBrief, told });
  const failed = verdicts.filter(({ complaint }) => complaint !== undefined);
  const hunted = verdicts.filter(({ mutant }) => mutant.patches.length > 0);
  console.log(`\n${tableLines(hunted).join("\n")}\n`);
  const seconds = ((performance.now() - started) / 1_000).toFixed(0);
  console.log(`${mutants.length} mutants and the unbroken core in ${seconds} s: ${failed.length} complaints`);
  if (options.isRecording) {
    writeFileSync(RECORD_FILE, `${JSON.stringify(recordOf(hunted), undefined, 2)}\n`);
    console.log("recorded; `npm run docs` writes the page");
  }
  return failed.length === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
