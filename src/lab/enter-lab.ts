/** The way into a running lab for a person: a shell or command inside a member, on the own terminal. */

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "./lab.ts";
import { enter, systemPath } from "./namespaces.ts";
import { childOf } from "./processes.ts";

/** Runs a command in a member with this process's terminal and returns its exit code. */
export async function runInteractively(lab: Lab, member: string, argv: readonly string[]): Promise<number> {
  const state = (await lab.state()).members.find((one) => one.name === member);
  if (state?.pid === undefined) throw new Error(state === undefined ? `no member ${member}` : `${member} is off`);
  const wallPid = Number(readFileSync(join(lab.directory, "pid"), "utf8").split(" ")[0]);
  const supervisor = childOf(wallPid);
  if (supervisor === undefined) throw new Error(`the lab ${lab.plan.id} is not running`);
  // First through the lab's own wall, where the member's process id means something, then into the member.
  const user = process.getuid?.() === 0 ? [] : ["--user", "--preserve-credentials"];
  const outer = [
    "nsenter",
    "--target",
    String(supervisor),
    ...user,
    "--net",
    "--mount",
    "--pid",
    "--ipc",
    "--uts",
    "--",
  ];
  const [command = "", ...rest] = [...outer, ...enter(state.pid, argv)];
  const child = spawn(command, rest, { stdio: "inherit", env: { ...process.env, PATH: systemPath() } });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });
}
