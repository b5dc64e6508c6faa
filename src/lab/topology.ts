/**
 * Bridges and cables: which `ip` commands make them. Every batch is one process and one pass, and the port of
 * each cable stays in the lab's outer namespace, where it can be pulled with or without loss of carrier.
 */

import { spawn } from "node:child_process";
import { bridgeMac, bridgeName } from "./plan.ts";
import type { CablePlan, LinkName, MemberPlan } from "./plan.ts";

/** Bridges that learn, forward at once and interfere with nothing. */
export function bridgeCommands(links: readonly LinkName[]): string[] {
  return links.flatMap((link) => [
    `link add name ${bridgeName(link)} address ${bridgeMac(link)} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
    `link set dev ${bridgeName(link)} up`,
  ]);
}

/** Cables of a member whose network namespace is that of process `pid`. */
export function cableCommands(cables: readonly CablePlan[], pid: number): string[] {
  return cables.flatMap((cable) => [
    `link add name ${cable.port} type veth peer name ${cable.device} address ${cable.mac} netns ${pid}`,
    `link set dev ${cable.port} master ${bridgeName(cable.link)} up`,
  ]);
}

/** What a member does inside its own network namespace. */
export function addressCommands(member: MemberPlan): string[] {
  return [
    "link set dev lo up",
    ...member.cables.flatMap((cable) => [
      ...cable.addresses.map(
        (address) => `address add ${address} dev ${cable.device}${address.includes(":") ? " nodad" : ""}`,
      ),
      `link set dev ${cable.device} up`,
    ]),
    ...member.routes.map((route) => `route add ${route}`),
  ];
}

export function portCommands(cables: readonly CablePlan[], state: "up" | "down"): string[] {
  return cables.map((cable) => `link set dev ${cable.port} ${state}`);
}

/** Removes cables; one that vanished with its member's namespace is fine. */
export async function unplug(cables: readonly CablePlan[]): Promise<void> {
  for (const { port } of cables) await runIp([`link delete dev ${port}`]).catch(() => {});
}

/** Runs one `ip -batch`, in the network namespace of process `inside` if given. Throws with ip's own words. */
export function runIp(commands: readonly string[], inside?: number): Promise<void> {
  const argv = ["ip", "-batch", "-"];
  if (inside !== undefined) argv.unshift("nsenter", `--net=/proc/${inside}/ns/net`, "--");
  return feed(argv, `${commands.join("\n")}\n`);
}

/** Runs a command with this text on its standard input; throws with its output when it fails. */
export async function feed(argv: readonly string[], input: string): Promise<void> {
  const [command = "", ...rest] = argv;
  const child = spawn(command, rest, { stdio: ["pipe", "ignore", "pipe"] });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (complaint += text));
  child.stdin.on("error", () => {}); // the exit code tells
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  if (code !== 0) throw new Error(`${argv.join(" ")} failed (${code}): ${complaint.trim()}\n${input}`);
}
