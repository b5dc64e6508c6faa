/**
 * Requests per second of everybody, case by case. What is compared is measured next to each other in the order A B B A, so
 * that a machine that becomes slower or faster meanwhile does both alike; a ratio is made of neighbours only.
 */

import { median } from "../figures.ts";
import type { Contender, ContenderName } from "./contenders.ts";
import { load, memoryBytes } from "./load.ts";
import type { Seen } from "./load.ts";

export interface Case {
  readonly name: string;
  readonly isTls: boolean;
  readonly isNewConnection: boolean;
  readonly path: string;
}

export const CASES: readonly Case[] = [false, true].flatMap((isTls) =>
  [false, true].flatMap((isNewConnection) =>
    [
      { path: "/1k", size: "1 kB" },
      { path: "/100k", size: "100 kB" },
    ].map(({ path, size }) => ({
      name: `${isTls ? "TLS" : "plain"}, ${isNewConnection ? "new connections" : "keep-alive"}, ${size}`,
      isTls,
      isNewConnection,
      path,
    })),
  ),
);

/** Who is held against whom. */
export const PAIRS: readonly { readonly hand: ContenderName; readonly ours: ContenderName }[] = [
  { hand: "haproxy by hand", ours: "haproxy by us" },
  { hand: "nginx by hand", ours: "nginx by us" },
];

export interface Effort {
  /** Rounds of A B B A. */
  readonly rounds: number;
  readonly seconds: number;
}

export interface Row {
  readonly kase: Case;
  readonly seen: ReadonlyMap<ContenderName, readonly Seen[]>;
  /** Of each pair: ours divided by the neighbour by hand. */
  readonly ratios: ReadonlyMap<ContenderName, readonly number[]>;
  /** The same for processor time per request; above 1 is dearer. */
  readonly costs: ReadonlyMap<ContenderName, readonly number[]>;
}

const CONNECTIONS = 32;
/** Those that are compared with nobody. */
const UNPAIRED_SECONDS = 1;
/** Before each case everybody is warmed up for so long. */
const WARM_SECONDS = 1;

function isPaired(name: ContenderName): boolean {
  return PAIRS.some(({ hand, ours }) => name === hand || name === ours);
}

/** All cases one after the other. */
export function measureTraffic(
  contenders: readonly Contender[],
  { rounds, seconds }: Effort,
  told: (line: string) => void,
): Row[] {
  const named = (name: ContenderName): Contender => {
    const found = contenders.find((one) => one.name === name);
    if (found === undefined) throw new Error(`nobody is called ${name}`);
    return found;
  };
  return CASES.map((kase) => {
    const seen = new Map<ContenderName, Seen[]>();
    const ratios = new Map<ContenderName, number[]>();
    const costs = new Map<ContenderName, number[]>();
    const measure = (name: ContenderName, forSeconds: number, isCounted: boolean): Seen => {
      const { origin, pids } = named(name);
      const { isNewConnection, isTls, path } = kase;
      const url = `${origin(isTls)}${path}`;
      const one = load({ url, isNewConnection, connections: CONNECTIONS, seconds: forSeconds }, pids());
      if (isCounted) seen.set(name, [...(seen.get(name) ?? []), one]);
      return one;
    };
    const pair = (first: ContenderName, second: ContenderName, ours: ContenderName): void => {
      const both = new Map([first, second].map((name) => [name, measure(name, seconds, true)]));
      const [mine, other] = [both.get(ours), both.get(first === ours ? second : first)];
      if (mine === undefined || other === undefined) throw new Error("a pair is two");
      ratios.set(ours, [...(ratios.get(ours) ?? []), mine.requestsPerSecond / other.requestsPerSecond]);
      costs.set(ours, [...(costs.get(ours) ?? []), mine.processorUs / other.processorUs]);
    };
    for (const { name } of contenders) if (name !== "direct") measure(name, WARM_SECONDS, false);
    for (let round = 0; round < rounds; round++) {
      for (const { name } of contenders) if (!isPaired(name)) measure(name, UNPAIRED_SECONDS, true);
      for (const { hand, ours } of PAIRS) {
        pair(hand, ours, ours);
        pair(ours, hand, ours);
      }
    }
    const rate = (name: ContenderName): number =>
      Math.round(median((seen.get(name) ?? []).map((one) => one.requestsPerSecond)));
    told(`${kase.name}: ${contenders.map(({ name }) => `${name} ${rate(name)}/s`).join(", ")}`);
    return { kase, seen, ratios, costs };
  });
}

/** Memory of each that carries traffic, after everything it went through. */
export function measureMemory(contenders: readonly Contender[]): ReadonlyMap<ContenderName, number> {
  return new Map(
    contenders.filter(({ name }) => name !== "direct").map(({ name, pids }) => [name, memoryBytes(pids())]),
  );
}
