/**
 * Real-time scheduling for the thread that renews leases: a busy machine must not delay a renewal by more
 * than the lease. There is no mlockall here: the JavaScript engine returns pages with MADV_DONTNEED, which
 * the kernel refuses on locked memory, and the engine then aborts. Swapping is forbidden from outside instead
 * (MemorySwapMax=0 in the unit).
 */

import { setRoundRobin, SystemError } from "./libc.ts";

/** Above ordinary threads, below what an administrator may have put higher on purpose. */
const PRIORITY = 10;

/** What came of the wish to be scheduled at once. */
export type RealtimeResult = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** Moves the calling thread to SCHED_RR. A refusal (no CAP_SYS_NICE, no real-time budget) is no error. */
export function realtime(): RealtimeResult {
  try {
    setRoundRobin(PRIORITY);
    return { ok: true };
  } catch (error) {
    if (error instanceof SystemError) return { ok: false, reason: error.message };
    throw error;
  }
}
