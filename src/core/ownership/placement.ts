/**
 * Who should hold a group: a pure function of the candidates, the present holder, the operator's wish and the
 * failback policy. Health makes a node eligible or not; there is no arithmetic on priorities. "Nothing
 * changes" is a decision with a reason too.
 */

/** One possible node of the group, in order of preference. */
export interface Candidate {
  readonly node: string;
  readonly eligible: boolean;
  /** Why not, as one clause; or why yes. */
  readonly because: string;
  /** Not eligible only for health or connection: a group that is already there may stay. */
  readonly soft: boolean;
  /** How long it has been eligible without a break, in milliseconds. */
  readonly eligibleForMs: number;
}

export interface PlacementQuestion {
  /** In order of preference. */
  readonly candidates: readonly Candidate[];
  /** Node that has the group now (also with a lapsed lease); undefined when nobody has. */
  readonly holder: string | undefined;
  /** Node that an operator asked for. */
  readonly wish: string | undefined;
  readonly failback:
    | { readonly kind: "never" }
    | { readonly kind: "auto" }
    | { readonly kind: "after"; readonly ms: number };
  readonly maintenance: boolean;
}

export interface Placement {
  /** Node that should hold the group; undefined when none may. */
  readonly node: string | undefined;
  /** One clause. */
  readonly because: string;
  /** The answer changes after so long with nothing else happening. */
  readonly changesInMs: number | undefined;
}

/** Answers where the group belongs now. */
export function place(question: PlacementQuestion): Placement {
  const { candidates, holder, wish } = question;
  if (question.maintenance) {
    return { node: holder, because: "maintenance keeps everything where it is", changesInMs: undefined };
  }
  const eligible = candidates.filter((candidate) => candidate.eligible);
  const wished = eligible.find((candidate) => candidate.node === wish);
  if (holder === undefined) return placeFresh(candidates, eligible, wished);

  const here = candidates.find((candidate) => candidate.node === holder);
  if (here?.eligible !== true) return placeAway(here, eligible, wished);
  if (wished !== undefined) {
    const because = wished.node === holder ? "an operator put it there" : `an operator asked for ${wished.node}`;
    return { node: wished.node, because, changesInMs: undefined };
  }
  return placeHome(question, here, eligible);
}

function placeFresh(
  candidates: readonly Candidate[],
  eligible: readonly Candidate[],
  wished: Candidate | undefined,
): Placement {
  const best = wished ?? eligible[0];
  if (best !== undefined) {
    const because = wished === undefined ? "it is the first eligible node" : "an operator asked for it";
    return { node: best.node, because, changesInMs: undefined };
  }
  const reasons = candidates.map((candidate) => `${candidate.node}: ${candidate.because}`).join("; ");
  return { node: undefined, because: reasons, changesInMs: undefined };
}

function placeAway(
  here: Candidate | undefined,
  eligible: readonly Candidate[],
  wished: Candidate | undefined,
): Placement {
  const best = wished ?? eligible[0];
  const why = here === undefined ? "its holder is no possible node" : `${here.node} ${here.because}`;
  if (best !== undefined) return { node: best.node, because: why, changesInMs: undefined };
  if (here?.soft === true) {
    return { node: here.node, because: `${why}, but no other node is better off`, changesInMs: undefined };
  }
  return { node: undefined, because: `${why}, and no other node is eligible`, changesInMs: undefined };
}

function placeHome(question: PlacementQuestion, here: Candidate, eligible: readonly Candidate[]): Placement {
  const home = eligible[0] ?? here;
  if (home.node === here.node) {
    return { node: here.node, because: "it is the first eligible node", changesInMs: undefined };
  }
  const { failback } = question;
  if (failback.kind === "auto") {
    return { node: home.node, because: `failback to ${home.node}`, changesInMs: undefined };
  }
  if (failback.kind === "never") {
    return {
      node: here.node,
      because: `failback is never, so it does not go home to ${home.node}`,
      changesInMs: undefined,
    };
  }
  const waitMs = failback.ms - home.eligibleForMs;
  if (waitMs <= 0)
    return { node: home.node, because: `failback to ${home.node}, which is well again`, changesInMs: undefined };
  return { node: here.node, because: `failback to ${home.node} must wait`, changesInMs: waitMs };
}
