/**
 * Writes package-lock.json so that `npm ci` works with the npm of an old Debian as well as with a new one, and
 * with mirrors that carry only some platforms:
 *
 * - An optional package (the binaries for one platform) loses its `engines`: npm running on an old Node would
 *   leave it out, although everything later runs on the Node that we bring.
 * - A platform's package that the registry did not answer for gets an entry without a hash: npm refuses a
 *   lockfile that does not name all of them, and never fetches those of other platforms.
 *
 * Run by `npm run lock` after package.json changed.
 */

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const SYSTEMS = ["aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"];
const PROCESSORS = ["arm64", "arm", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "x64"];

/** Updates the lockfile in `root`; answers an exit code. */
export function lock(root) {
  const npm = ["install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const ended = spawnSync("npm", npm, { cwd: root, stdio: "inherit" });
  if (ended.status !== 0) return ended.status ?? 1;
  const file = join(root, "package-lock.json");
  const text = JSON.parse(readFileSync(file, "utf8"));
  for (const entry of Object.values(text.packages)) if (entry.optional) delete entry.engines;
  addMissingPlatforms(text.packages);
  text.packages = Object.fromEntries(Object.entries(text.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(file, `${JSON.stringify(text, null, 2)}\n`);
  return 0;
}

function addMissingPlatforms(packages) {
  for (const [path, entry] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const at = `node_modules/${name}`;
      if (at in packages || `${path}/${at}` in packages) continue;
      packages[at] = platformEntry(name, version, entry.dev === true);
    }
  }
}

function platformEntry(name, version, dev) {
  const words = name.split(/[/-]/);
  const os = SYSTEMS.find((system) => words.includes(system));
  const cpu = PROCESSORS.find((processor) => words.includes(processor));
  const libc = words.some((word) => word.startsWith("musl"))
    ? "musl"
    : words.some((word) => word.startsWith("gnu"))
      ? "glibc"
      : undefined;
  const isOurs = os === "linux" && ["x64", "arm64"].includes(cpu ?? "") && libc !== "musl";
  if (os === undefined || cpu === undefined || isOurs)
    throw new Error(`the registry does not answer for ${name}@${version}`);
  return { version, cpu: [cpu], ...(dev ? { dev } : {}), ...(libc ? { libc: [libc] } : {}), optional: true, os: [os] };
}
