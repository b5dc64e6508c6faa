/**
 * The right to open: a taker claims (group, epoch) and opens only when every node that is not dead granted it.
 * A node grants one claimer at a time, so two survivors of three never both open. Among simultaneous claims
 * the last holder's wins, then the earlier in the group's order of preference.
 */

import { after, LONG_AGO, type Instant } from "../base/time.ts";

/** A claim as a node judges it. */
export interface ClaimQuestion {
  readonly claimer: string;
  readonly epoch: number;
  readonly now: Instant;
  /** Highest epoch known here, and its node. */
  readonly knownEpoch: number;
  readonly knownHolder: string | undefined;
  /** This node itself holds, starts or stops the group. */
  readonly busyHere: boolean;
  /** The claimer says that nothing reaches it, so it would not learn in time that a grant has ended. */
  readonly isDeaf: boolean;
  /** The known holder is another node that is alive and has not released the group to the claimer. */
  readonly holderAlive: boolean;
  /** Epoch that this node claims itself, with its rank and the claimer's: the lower rank wins. */
  readonly own: { readonly epoch: number; readonly rank: number; readonly claimerRank: number } | undefined;
}

export type ClaimVerdict = { readonly granted: true } | { readonly granted: false; readonly reason: ClaimRefusal };

export type ClaimRefusal =
  | "EPOCH_TOO_LOW"
  | "BUSY_HERE"
  | "HOLDER_ALIVE"
  | "GRANTED_TO_ANOTHER"
  | "OWN_CLAIM_FIRST"
  | "CLAIMER_DEAF";

/** What a node granted for one group. */
export class Grants {
  /** Highest epoch ever granted. */
  epoch = 0;
  private to: string | undefined;
  private until: Instant = LONG_AGO;

  /** Node whose grant still stands. */
  holder(now: Instant): string | undefined {
    return now < this.until ? this.to : undefined;
  }

  /** Judges a claim and remembers a grant for `graceMs`. */
  judge(question: ClaimQuestion, graceMs: number): ClaimVerdict {
    const { claimer, epoch, now } = question;
    const standing = this.holder(now);
    if (standing !== undefined && standing !== claimer) return { granted: false, reason: "GRANTED_TO_ANOTHER" };
    const repeated = standing === claimer && epoch === this.epoch;
    if (!repeated && epoch <= Math.max(question.knownEpoch, this.epoch)) {
      return { granted: false, reason: "EPOCH_TOO_LOW" };
    }
    if (question.isDeaf) return { granted: false, reason: "CLAIMER_DEAF" };
    if (question.busyHere) return { granted: false, reason: "BUSY_HERE" };
    if (question.holderAlive) return { granted: false, reason: "HOLDER_ALIVE" };
    const own = question.own;
    if (own !== undefined && own.rank < own.claimerRank) return { granted: false, reason: "OWN_CLAIM_FIRST" };
    this.epoch = Math.max(this.epoch, epoch);
    this.to = claimer;
    this.until = after(now, graceMs);
    return { granted: true };
  }

  /** The claimer no longer claims, or took the group: others may be granted. */
  withdraw(claimer: string): void {
    if (this.to !== claimer) return;
    this.to = undefined;
    this.until = LONG_AGO;
  }
}
