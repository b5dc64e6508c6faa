/** The thread of `loadApart`: reads the cluster file and the key, says what it found, and ends. */

import { parentPort, workerData } from "node:worker_threads";

import { load } from "./load.ts";
import type { LoadOptions } from "./load.ts";

parentPort?.postMessage(load(workerData as LoadOptions));
