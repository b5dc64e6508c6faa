/**
 * A ticker on a thread of its own that does nothing else: when a tick is late, the machine (or the share of it that
 * ordinary programs got) stood still meanwhile. It runs at the ordinary priority on purpose, to feel what they feel.
 */

import { parentPort } from "node:worker_threads";
import { nowMs } from "../clock.ts";

const TICK_MS = 10;
/** A daemon's whole lease is 230 ms; what costs a good part of that is worth knowing. */
const LATE_MS = 60;

let lastMs = nowMs();

setInterval(() => {
  const now = nowMs();
  if (now - lastMs > TICK_MS + LATE_MS) parentPort?.postMessage({ fromMs: lastMs, toMs: now });
  lastMs = now;
}, TICK_MS);
