/** Runs a driver's scenario in network, mount and process namespaces of its own, which take everything with them. */

import { execFile } from "node:child_process";
import { promisify } from "node:util";

export const LIMIT_MS = 110_000;

const NAMESPACES = ["--net", "--mount", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc"];
// nginx keeps large bodies in a cache folder of the machine, which would not be gone.
const SCRIPT = 'mount -t tmpfs none /run && mount -t tmpfs none /var/cache && exec "$@"';

export interface ScenarioCall {
  /** The file that plays scenarios: it is given a name and options, and prints facts as JSON. */
  readonly file: string;
  readonly scenario: string;
  readonly options: object;
  /** Searched for programs before the others. */
  readonly programs?: string;
}

export async function playScenario<T>({ file, scenario, options, programs }: ScenarioCall): Promise<T> {
  const argv = [process.execPath, "--disable-warning=ExperimentalWarning", file, scenario, JSON.stringify(options)];
  const path = process.env["PATH"] ?? "";
  const { stdout } = await promisify(execFile)("unshare", [...NAMESPACES, "sh", "-c", SCRIPT, "lab", ...argv], {
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
    env: { ...process.env, PATH: programs === undefined ? path : `${programs}:${path}` },
  });
  return JSON.parse(stdout) as T;
}
