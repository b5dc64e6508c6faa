/** `understudy lab`: a whole cluster on this machine, by hand: build it, look, break it, mend it, end it. */

import { Command, InvalidArgumentError, Option } from "commander";
import type { Lab } from "../../lab/lab.ts";
import { EXIT_ERRORS, EXIT_USAGE } from "../exit-codes.ts";

const DEFAULT_NAME = "default";

interface Named {
  readonly name: string;
}

/** Exit codes: 0 done, 1 failed, 2 usage. */
export function labCommand(): Command {
  const lab = new Command("lab").description(
    "Runs a whole cluster on this machine, nodes and a client in network namespaces, for trying things out.",
  );
  lab.addCommand(upCommand());
  lab.addCommand(statusCommand());
  lab.addCommand(faultCommand());
  lab.addCommand(healCommand());
  lab.addCommand(execCommand());
  lab.addCommand(shellCommand());
  lab.addCommand(downCommand());
  return lab;
}

function named(command: Command): Command {
  return command.option("--name <name>", "which lab, when there are several", DEFAULT_NAME);
}

function nodeCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 2 || count > 5) throw new InvalidArgumentError("2 to 5 nodes");
  return count;
}

/** Runs an action with the lab of that name and turns errors into one line and exit code 1. */
async function withNamed(name: string, use: (lab: Lab) => Promise<void>): Promise<void> {
  await told(async () => {
    const { labDirectory, isAlive } = await import("../../lab/directory.ts");
    const directory = labDirectory(name);
    if (!isAlive(directory)) throw new Error(`no lab ${name} is running\n  next: understudy lab up`);
    const { Lab: LabClass } = await import("../../lab/lab.ts");
    const lab = await LabClass.attach(directory);
    try {
      await use(lab);
    } finally {
      lab.close();
    }
  });
}

async function told(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = EXIT_ERRORS;
  }
}

interface UpFlags extends Named {
  readonly nodes: number;
  readonly ipv6?: boolean;
  readonly stranger?: boolean;
  readonly balancer?: "haproxy" | "nginx";
  readonly wait: boolean;
}

function upCommand(): Command {
  return named(new Command("up"))
    .description("Builds a lab and leaves it running.")
    .option("--nodes <count>", "how many nodes, 2 to 5", nodeCount, 2)
    .option("--ipv6", "IPv6 addresses and a second, IPv6 address of the site")
    .option("--stranger", "a further machine on the public wire that belongs to nobody")
    .addOption(
      new Option("--balancer <engine>", "pages come through this engine from the web servers of all nodes").choices([
        "haproxy",
        "nginx",
      ]),
    )
    .option("--no-wait", "do not wait until the site answers")
    .action(async (flags: UpFlags) => {
      await told(async () => {
        const { removeLeftovers, labDirectory, isAlive } = await import("../../lab/directory.ts");
        removeLeftovers();
        if (isAlive(labDirectory(flags.name))) {
          throw new Error(`a lab ${flags.name} is running already\n  next: understudy lab down, or another --name`);
        }
        const { Lab: LabClass } = await import("../../lab/lab.ts");
        const lab = await LabClass.up({
          name: flags.name,
          nodes: flags.nodes,
          ipv6: flags.ipv6 ?? false,
          stranger: flags.stranger ?? false,
          ...(flags.balancer === undefined ? {} : { balancer: flags.balancer }),
          background: true,
          waitForCalm: flags.wait,
        });
        process.stdout.write(`${await describe(lab)}\nfiles and logs: ${lab.directory}\n`);
        lab.close();
      });
    });
}

function statusCommand(): Command {
  return named(new Command("status"))
    .description("Shows what runs in a lab.")
    .option("--json", "as JSON")
    .action((flags: Named & { json?: boolean }) =>
      withNamed(flags.name, async (lab) => {
        if (flags.json) process.stdout.write(`${JSON.stringify(await lab.state(), undefined, 2)}\n`);
        else process.stdout.write(`${await describe(lab)}\n`);
      }),
    );
}

/** A few lines about a lab. */
async function describe(lab: Lab): Promise<string> {
  const { members, wireFaults, pulled, frozen } = await lab.state();
  const page = await lab.page();
  // A page that no web server made is the engine's own.
  const isOwn = lab.plan.isBalanced && !lab.nodes.some(({ name }) => name === page);
  const how = isOwn
    ? "answers with an error of the engine:"
    : lab.plan.isBalanced
      ? "answers, with a page from"
      : "is served by";
  const lines = [`lab ${lab.plan.id}: the site ${page === undefined ? "does not answer" : `${how} ${page}`}`];
  for (const member of members) {
    const cables = [...lab.plan.nodes, ...lab.plan.others].find((one) => one.name === member.name)?.cables ?? [];
    const words = cables.map((cable) => {
      const lost = wireFaults
        .filter((one) => one.port === cable.port)
        .map((one) => `${one.loss.kind} lost ${one.direction}`);
      const state = pulled.includes(cable.port) ? "unplugged" : lost.join(", ") || "up";
      return `${cable.link} ${cable.addresses[0]} ${state}`;
    });
    for (const [program, count] of Object.entries(member.programs)) {
      const isFrozen = program === "daemon" && frozen.includes(member.name);
      words.push(`${program} ${count === 0 ? "dead" : isFrozen ? "frozen" : "runs"}`);
    }
    lines.push(`  ${member.name.padEnd(9)} ${member.isOn ? words.join(" · ") : "off"}`);
  }
  return lines.join("\n");
}

function faultCommand(): Command {
  return named(new Command("fault"))
    .description("Inflicts a fault on a node (default: the one that serves the site); without a name, lists them.")
    .argument("[fault]", "which fault")
    .argument("[node]", "on which node")
    .action(async (name: string | undefined, node: string | undefined, flags: Named) => {
      const { FAULTS, isFaultName, misfit } = await import("../../lab/faults/catalog.ts");
      const list = Object.entries(FAULTS).map(([word, { summary }]) => `  ${word.padEnd(16)} ${summary}`);
      if (name === undefined) {
        process.stdout.write(`${list.join("\n")}\n`);
        return;
      }
      if (!isFaultName(name)) {
        process.stderr.write(`no fault ${name}; there are\n${list.join("\n")}\n`);
        process.exitCode = EXIT_USAGE;
        return;
      }
      await withNamed(flags.name, async (lab) => {
        const why = misfit(name, lab.plan);
        if (why !== undefined) {
          process.stderr.write(`${why}\n`);
          process.exitCode = EXIT_USAGE;
          return;
        }
        // Behind a balancer a page tells which web server answered, and not who holds the address.
        const victim = node ?? (await (lab.plan.isBalanced ? lab.calm() : lab.page()));
        if (victim === undefined) throw new Error("the site does not answer: name the node");
        await FAULTS[name].inflict(lab.node(victim));
        process.stdout.write(`${victim}: ${FAULTS[name].summary}\nnext: understudy lab status, understudy lab heal\n`);
      });
    });
}

function healCommand(): Command {
  return named(new Command("heal"))
    .description("Puts everything right on a node (default: all).")
    .argument("[node]", "which node")
    .action((node: string | undefined, flags: Named) =>
      withNamed(flags.name, async (lab) => {
        const { heal } = await import("../../lab/faults/catalog.ts");
        await heal(lab, node === undefined || node === "all" ? lab.nodes : [lab.node(node)]);
        await lab.calm();
        process.stdout.write(`${await describe(lab)}\n`);
      }),
    );
}

function execCommand(): Command {
  return named(new Command("exec"))
    .description("Runs a command inside a member, as in `understudy lab exec srv1 -- ip address`.")
    .argument("<member>", "a node, client or stranger")
    .argument("<command...>", "what to run, after --")
    .action((member: string, command: string[], flags: Named) =>
      withNamed(flags.name, async (lab) => {
        const { runInteractively } = await import("../../lab/enter-lab.ts");
        process.exitCode = await runInteractively(lab, member, command);
      }),
    );
}

function shellCommand(): Command {
  return named(new Command("shell"))
    .description("Opens a shell inside a member.")
    .argument("<member>", "a node, client or stranger")
    .action((member: string, flags: Named) =>
      withNamed(flags.name, async (lab) => {
        const { runInteractively } = await import("../../lab/enter-lab.ts");
        process.exitCode = await runInteractively(lab, member, [process.env["SHELL"] ?? "sh"]);
      }),
    );
}

function downCommand(): Command {
  return named(new Command("down"))
    .description("Ends a lab and removes everything of it.")
    .action((flags: Named) =>
      withNamed(flags.name, async (lab) => {
        await lab.down();
        process.stdout.write(`lab ${lab.plan.id} is gone\n`);
      }),
    );
}
