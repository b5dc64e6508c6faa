/**
 * A ticker that does nothing else: when a tick is late, nothing of its priority ran on its processor meanwhile. It
 * tells what it noticed when asked, over its standard input and output.
 */

import type { Span } from "../../promises/explained-failures.ts";
import { nowMs } from "../clock.ts";
import { LineChannel } from "../line-channel.ts";

const TICK_MS = 10;
/** A daemon's whole lease is 230 ms; what costs a good part of that is worth knowing. */
const LATE_MS = 60;
const MOST_STALLS = 100_000;

const stalls: Span[] = [];
let lastMs = nowMs();

setInterval(() => {
  const now = nowMs();
  if (now - lastMs > TICK_MS + LATE_MS && stalls.length < MOST_STALLS) stalls.push({ fromMs: lastMs, toMs: now });
  lastMs = now;
}, TICK_MS);

const channel = new LineChannel(process.stdin, process.stdout, () => stalls);
void channel.closed.then(() => process.exit(0));
