/** What a probe of the machine's own services reports: a word for the verdict and a line for people. */

import type { Verdict } from "../../core/base/words.ts";

export interface ProbeResult {
  readonly outcome: Verdict;
  /** One line: what was seen, and how long it took. */
  readonly detail: string;
}
