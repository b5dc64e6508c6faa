/**
 * What a daemon must know before it can begin: a cluster file and a key that are right. Everything that can be
 * wrong is a problem with a next step, told before anything on the machine was touched.
 */

import type { Problem, Result } from "../core/base/report.ts";
import type { ClusterConfig } from "../core/config/cluster.ts";
import { balancerFileProblems } from "../host/balancer-files.ts";
import { loadClusterFile } from "../host/config-file.ts";
import type { LoadedCluster } from "../host/config-file.ts";
import { loadKeyFile } from "../host/key-file.ts";

/** How one node's daemon is started. */
export interface DaemonOptions {
  readonly configFile: string;
  readonly node: string;
  readonly stateDir: string;
  readonly runtimeDir: string;
}

/** A cluster as this node knows it. */
export interface Loaded {
  readonly config: ClusterConfig;
  /** Of all but the balancer, which may differ between nodes for a while without harm. */
  readonly configHash: string;
  readonly keys: readonly Uint8Array[];
}

/** How thoroughly a cluster file is judged. */
export interface LoadOptions extends DaemonOptions {
  /**
   * Also the certificates and other files that the balancer needs. A daemon that starts does without: a lost
   * certificate must not keep an address from being served, and the engine says why it does not run.
   */
  readonly withBalancerFiles?: boolean;
}

/** Reads the cluster file and its key. */
export function load(options: LoadOptions): Result<Loaded> {
  const file = loadClusterFile(options.configFile);
  if (!file.ok) return file;
  const files = options.withBalancerFiles === true ? problemsOfFiles(file.value) : [];
  if (files.some(({ severity }) => severity === "error")) return { ok: false, problems: [...file.problems, ...files] };
  const { config, hash } = file.value;
  if (!config.nodes.some(({ name }) => name === options.node)) {
    const names = config.nodes.map(({ name }) => name).join(", ");
    return failure({
      code: "NODE_UNKNOWN",
      severity: "error",
      message: `the cluster file names no node "${options.node}"`,
      expected: names,
      next: `start with \`--node NAME\`, one of: ${names}`,
    });
  }
  const keys = loadKeyFile(config.keyFile);
  if (!keys.ok) return keys;
  return {
    ok: true,
    value: { config, configHash: hash, keys: keys.value },
    problems: [...file.problems, ...files, ...keys.problems],
  };
}

function problemsOfFiles({ config, positions }: LoadedCluster): Problem[] {
  if (config.balancer === undefined) return [];
  return balancerFileProblems(config.balancer, { positions, now: Date.now() });
}

function failure(problem: Problem): { ok: false; problems: readonly Problem[] } {
  return { ok: false, problems: [problem] };
}
