/**
 * A lab's only trace outside of its namespaces is one folder below the system's temporary folder. It carries
 * the process that owns it, so that the next lab can tell a crashed run's leftovers from a neighbour at work.
 */

import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

/** Unix socket paths end at 107 characters, and a daemon's socket lies three folders deep. */
const LONGEST_DIRECTORY = 60;
/** A folder without an owner may belong to a lab that is just starting. */
const START_GRACE_MS = 30_000;

function prefix(): string {
  return `understudy-lab-${process.getuid?.() ?? 0}-`;
}

/** Makes the folder of a new lab, readable by its user only. With `name`, fails when that lab exists. */
export function makeLabDirectory(name?: string): string {
  const stem = join(tmpdir(), prefix());
  if (stem.length + 6 > LONGEST_DIRECTORY) {
    throw new Error(`${tmpdir()} is too long a path for Unix sockets; next: set TMPDIR=/tmp`);
  }
  if (name === undefined) return mkdtempSync(stem);
  mkdirSync(stem + name, { mode: 0o700 });
  return stem + name;
}

/** Path of a lab with a name, whether it exists or not. */
export function labDirectory(name: string): string {
  return join(tmpdir(), prefix() + name);
}

/** The lab's id is its folder's name without the prefix. */
export function labId(directory: string): string {
  return basename(directory).slice(prefix().length);
}

/** Notes which process the lab belongs to: its id, and when it started, because ids are used again. */
export function claimDirectory(directory: string, pid: number): void {
  writeFileSync(join(directory, "pid"), `${pid} ${startTime(pid) ?? ""}\n`);
}

/** Is the process alive that this lab belongs to? */
export function isAlive(directory: string): boolean {
  try {
    const [pid = "", started = ""] = readFileSync(join(directory, "pid"), "utf8").trim().split(" ");
    return started !== "" && startTime(Number(pid)) === started;
  } catch {
    try {
      return Date.now() - statSync(directory).ctimeMs < START_GRACE_MS;
    } catch {
      return false;
    }
  }
}

/** Folders of all labs of this user. */
export function labDirectories(): string[] {
  return readdirSync(tmpdir())
    .filter((name) => name.startsWith(prefix()))
    .map((name) => join(tmpdir(), name));
}

/** Removes what crashed runs left behind; returns the folders removed. */
export function removeLeftovers(): string[] {
  return labDirectories().filter((directory) => {
    if (isAlive(directory)) return false;
    removeLabDirectory(directory);
    return true;
  });
}

/** Removes a lab's folder; nothing inside is mounted in this namespace. */
export function removeLabDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}

/** Start time of a process in the kernel's ticks; undefined when there is no such process. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may contain blanks; field 22 is the 20th after it.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
