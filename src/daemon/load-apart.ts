/**
 * Reads the cluster file on a thread that ends afterwards: the parser and the schema library are needed once,
 * and would otherwise stay in the daemon's memory for months. The rest of the program loads meanwhile.
 */

import { Worker } from "node:worker_threads";

import type { Result } from "../core/base/report.ts";
import type { Loaded, LoadOptions } from "./load.ts";

/** Like `load`, elsewhere; rejects only for a defect. */
export function loadApart(options: LoadOptions): Promise<Result<Loaded>> {
  // Sources run as they are, compiled files beside their like.
  const isSource = import.meta.url.endsWith(".ts");
  const file = new URL(isSource ? "./load-thread.ts" : "./load-thread.js", import.meta.url);
  const thread = new Worker(file, { workerData: options, name: "load" });
  return new Promise((resolve, reject) => {
    thread.once("message", resolve);
    thread.once("error", reject);
    thread.once("exit", (code) =>
      reject(new Error(`the cluster file could not be read: its thread ended with code ${code}`)),
    );
  });
}
