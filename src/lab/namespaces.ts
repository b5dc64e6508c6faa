/**
 * The outer wall of a lab: one process in process, mount and network namespaces of its own. When that process
 * ends, for whatever reason, the kernel ends everything inside with it, so a lab cannot outlive its supervisor.
 */

import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { spawnSync } from "node:child_process";
import type { Problem } from "../api/types.ts";

/** Command that runs `argv` as the first process of a lab. An ordinary user becomes root of a user namespace. */
export function wall(argv: readonly string[], uid: number): string[] {
  const user = uid === 0 ? [] : ["--user", "--map-root-user"];
  return [
    ...["unshare", ...user, "--net", "--mount", "--pid", "--ipc", "--uts"],
    ...["--fork", "--kill-child", "--mount-proc", "--"],
    ...argv,
  ];
}

/** Command that runs `argv` as the first process of a member: namespaces inside those of the lab. */
export function innerWall(argv: readonly string[]): string[] {
  return [
    ...["unshare", "--net", "--mount", "--pid", "--ipc", "--uts"],
    ...["--fork", "--kill-child", "--mount-proc", "--"],
    ...argv,
  ];
}

/** Command that runs `argv` inside the member whose first process is `pid`. */
export function enter(pid: number, argv: readonly string[]): string[] {
  return ["nsenter", "--target", String(pid), "--net", "--mount", "--pid", "--ipc", "--uts", "--", ...argv];
}

/** Programs that a lab runs, with the Debian package that brings each. */
const PROGRAMS: Readonly<Record<string, string>> = {
  unshare: "util-linux",
  nsenter: "util-linux",
  mount: "mount",
  ip: "iproute2",
  nft: "nftables",
  nginx: "nginx",
};

/** Folders where Debian keeps administrators' programs, which an ordinary user's PATH lacks. */
const SYSTEM_FOLDERS = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];

/** A PATH that finds the lab's programs for every user. */
export function systemPath(path = process.env["PATH"] ?? ""): string {
  const folders = path.split(delimiter).filter((folder) => folder !== "");
  return [...folders, ...SYSTEM_FOLDERS.filter((folder) => !folders.includes(folder))].join(delimiter);
}

/** What this machine lacks for a lab, each with the exact fix; empty when a lab can start. */
export function whatIsMissing(uid: number = process.getuid?.() ?? 0): Problem[] {
  const absent = Object.keys(PROGRAMS).filter((program) => findProgram(program) === undefined);
  if (absent.length > 0) {
    const packages = [...new Set(absent.map((program) => PROGRAMS[program]))].join(" ");
    return [
      {
        code: "LAB_PROGRAM_MISSING",
        severity: "error",
        message: `the lab needs ${absent.join(", ")}, not found on this machine`,
        next: `${uid === 0 ? "" : "sudo "}apt-get install --no-install-recommends ${packages}`,
      },
    ];
  }
  const [command = "", ...rest] = wall(["true"], uid);
  const attempt = spawnSync(command, rest, { encoding: "utf8", env: { ...process.env, PATH: systemPath() } });
  if (attempt.status === 0) return [];
  return [
    {
      code: "LAB_NAMESPACES_REFUSED",
      severity: "error",
      message: `the kernel refuses the lab's namespaces: ${(attempt.stderr || String(attempt.error)).trim()}`,
      next: whyRefused(uid),
    },
  ];
}

function whyRefused(uid: number): string {
  if (uid === 0) return "run it outside of a container, or give the container CAP_SYS_ADMIN and CAP_NET_ADMIN";
  if (readSetting("/proc/sys/kernel/unprivileged_userns_clone") === "0") {
    return "sudo sysctl kernel.unprivileged_userns_clone=1   (or run it as root)";
  }
  if (readSetting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") === "1") {
    return "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0   (or run it as root)";
  }
  for (const kind of ["user", "net", "mnt", "pid", "ipc", "uts"]) {
    if (readSetting(`/proc/sys/user/max_${kind}_namespaces`) !== "0") continue;
    return `sudo sysctl user.max_${kind}_namespaces=10000   (or run it as root)`;
  }
  return "run it as root";
}

function readSetting(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8").trim() : undefined;
}

/** Full path of a program, or undefined. */
export function findProgram(name: string): string | undefined {
  return systemPath()
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
