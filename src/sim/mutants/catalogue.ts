/**
 * Every way in which we break the core on purpose, one for each rule that a promise rests on. Whoever adds a
 * rule to the core adds the mutant that lacks it; one that no seed catches is a finding about the simulator.
 */

import { CLAIM_MUTANTS } from "./catalogue/claims.ts";
import { DAEMON_MUTANTS } from "./catalogue/daemon.ts";
import { EVIDENCE_MUTANTS } from "./catalogue/evidence.ts";
import { GATE_MUTANTS } from "./catalogue/gate.ts";
import { MEETING_MUTANTS } from "./catalogue/meeting.ts";
import { PLACEMENT_MUTANTS } from "./catalogue/placement.ts";
import { PROGRESS_MUTANTS } from "./catalogue/progress.ts";
import { SERVICE_MUTANTS } from "./catalogue/services.ts";
import { WIRE_MUTANTS } from "./catalogue/wire.ts";
import type { Mutant } from "./mutant.ts";

export const CATALOGUE: readonly Mutant[] = [
  ...GATE_MUTANTS,
  ...EVIDENCE_MUTANTS,
  ...WIRE_MUTANTS,
  ...CLAIM_MUTANTS,
  ...MEETING_MUTANTS,
  ...SERVICE_MUTANTS,
  ...PLACEMENT_MUTANTS,
  ...PROGRESS_MUTANTS,
  ...DAEMON_MUTANTS,
];
