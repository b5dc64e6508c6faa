/**
 * The page about the command line, made from the commands themselves: verbs, arguments, options and defaults are
 * described once, where they are defined. Only what a help text has no room for is added here.
 */

import { readdirSync } from "node:fs";
import { hostname } from "node:os";
import type { Command } from "commander";

const FOLDER = new URL("../../src/cli/commands/", import.meta.url);

/** What an operator should know beyond the help text, by verb. */
const NOTES: Readonly<Record<string, string>> = {
  daemon: "The systemd unit starts this. Log lines are JSON. SIGTERM leaves: groups move away first.",
  check:
    "Each error comes with line, column, the drawn line, what was expected and the nearest valid word. Warnings are for what is legal but risky: no gateway, one link, a group with one possible node.",
  pools:
    "A row begins with the name that `drain` and `weight` take. Sessions, waiting requests and requests are those of all nodes' engines, old workers included; where the engines disagree about a member, each one's opinion is shown.",
  drain:
    "The wish is kept on every node, over restarts and takeovers; a node that is away learns it when it is back. It is refused when nobody of the pool would be left for new visitors, unless forced, and it does not count while nobody else of the pool is up, unless forced. Finished, for `--wait`, means: all engines know of it, none has a session or a waiting request for the member, and no request came for the time of `--quiet`. A visitor whose cookie names the member is still sent there, so between two clicks there is no session: take a longer `--quiet` where visitors stay long. nginx counts no requests of single members, so there sessions alone decide. After the timeout the exit code is 1, and the member stays drained.",
  standby: "The node's members of pools drain on all nodes, as long as somebody else of the pool takes new visitors.",
  diff: "The exit codes are those of `diff`: 0 nothing changes, 1 something does, 2 it cannot be told. Operators' drains and weights are kept in the comparison. Nothing is touched.",
  render:
    "It needs no daemon and no root, and touches nothing. For an engine that the file does not name, what that engine cannot do is told as by `check`. Operators' drains and weights are not in it.",
  reload:
    "If only the balancer differs, the engine gets it by runtime commands or one reload, and nothing else is touched. Other changes take a restart that keeps the leases. Certificates are looked at as well.",
  switch: "It is refused, with the reason, when the node may not hold the group.",
  events: "Each line has a [reason word](reasons.md).",
  maintenance: "Every `status` says so while it is on.",
  release: "The unit's stop hook runs this after the daemon ended, however it ended.",
  restart:
    "The leases are handed to the daemon's next self with a stated end. This is the unit's reload, and the way to upgrade.",
  simulate:
    "It needs no daemon, no key and no root: the real core is played in a pretended world. Verbs, the shape of `--json` and examples: [what if](../guide/what-if.md).",
  replay:
    "It needs no daemon and no root, and touches nothing. What is recorded, for how long, and what the verdict means: [why did it do that last night](../guide/last-night.md#replay).",
  bundle:
    "Run it as root on every node. Its `MANIFEST` says what is in it, what is not and why: [why did it do that last night](../guide/last-night.md#bundle).",
  lab: "`npm start` shows such a cluster live. It is in network namespaces of its own and never touches this machine's network.",
};

/** Markdown of `docs/reference/commands.md`. */
export async function commandsPage(): Promise<string> {
  const commands = await Promise.all(
    readdirSync(FOLDER)
      .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
      .sort((a, b) => (a < b ? -1 : 1))
      .map((name) => load(new URL(name, FOLDER))),
  );
  return `${INTRODUCTION}\n${commands.map((command) => section(command, "##", "understudy")).join("\n")}`;
}

/** Every file of a verb exports one function that makes its command. */
async function load(file: URL): Promise<Command> {
  const exported = (await import(file.href)) as Readonly<Record<string, unknown>>;
  const make = Object.entries(exported).find(([name]) => name.endsWith("Command"))?.[1] as (() => Command) | undefined;
  if (make === undefined) throw new Error(`${file.pathname} exports no function ...Command`);
  return make();
}

function section(command: Command, heading: string, parent: string): string {
  const words = command.registeredArguments.map((argument) => {
    const name = argument.argChoices?.join("|") ?? argument.name().toUpperCase();
    const repeated = `${name}${argument.variadic ? "..." : ""}`;
    return argument.required ? repeated : `[${repeated}]`;
  });
  const demanded = command.options.filter(({ mandatory }) => mandatory).map(({ flags }) => upper(flags));
  const full = [parent, command.name(), ...words, ...demanded].join(" ");
  const rows = command.options.map(
    (option) => `| \`${option.flags}\` | ${sentence(option.description)}${defaultOf(option.defaultValue)} |`,
  );
  const parts = [
    `${heading} \`${full}\``,
    sentence(command.description()),
    NOTES[command.name()] ?? "",
    rows.length === 0 ? "" : `| option | |\n|---|---|\n${rows.join("\n")}`,
    ...command.commands.map((inner) => section(inner, `${heading}#`, `${parent} ${command.name()}`).trimEnd()),
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

/** `--to <node>` as it stands in a usage line: `--to NODE`. */
function upper(flags: string): string {
  return flags.replace(/<([^>]+)>/, (_, name: string) => name.toUpperCase());
}

function sentence(text: string): string {
  const full = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  return /[.!?)]$/.test(full) ? full : `${full}.`;
}

function defaultOf(value: unknown): string {
  if (value === undefined || typeof value === "boolean") return "";
  // What differs between machines must not be written into the page.
  if (value === hostname().split(".")[0]) return " Default: the host's name.";
  return ` Default: \`${String(value)}\`.`;
}

const INTRODUCTION = `# Commands

\`understudy\` speaks to the daemon of its own node through the Unix socket in the runtime directory, and through it to
the whole cluster: every verb works on any node. It needs access to the socket (root, or group \`understudy\`).

\`--runtime-dir DIR\`, or the environment's \`UNDERSTUDY_RUNTIME_DIR\`, picks the daemon (default \`/run/understudy\`).
\`--help\` explains a verb.

| exit code | |
|---|---|
| 0 | done; warnings do not count |
| 1 | understood, but something is wrong or could not be done |
| 2 | not understood: wrong arguments, or a file that \`check\`, \`simulate\` or \`replay\` cannot use |

This page is generated from \`src/cli/commands\` by \`npm run docs\`.
`;
