/**
 * What a what-if script can say, as data: faults that last until something ends them, operators' commands, time,
 * and expectations. Nodes and links are numbers here; names belong to the text.
 */

import type { TextPosition } from "../../core/base/report.ts";
import type { Verdict } from "../../core/base/words.ts";
import type { Verb } from "../../core/node/inputs.ts";
import type { ServiceMood } from "../machine.ts";

/** Who may stand in a part of a split switch: a node's number, the gateway, or the clients. */
export type Member = number | "gateway" | "clients";

/** Something that is wrong from now on. `forMs` ends it by itself; undefined leaves that to the script. */
export type Trouble = { readonly forMs: number | undefined } & (
  | { readonly kind: "power" | "kill" | "stop" | "freeze" | "block" | "suspend" | "pause"; readonly node: number }
  /** `carrier`: the device loses its carrier, too, as when the cable is pulled out. */
  | {
      readonly kind: "cut";
      readonly node: number;
      readonly links: readonly number[];
      readonly way: "both" | "in" | "out";
      readonly carrier: boolean;
    }
  /** A firewall drops the cluster's port. */
  | { readonly kind: "filter"; readonly node: number; readonly links: readonly number[] }
  | { readonly kind: "loss"; readonly links: readonly number[]; readonly share: number }
  | { readonly kind: "delay"; readonly links: readonly number[]; readonly ms: number }
  | { readonly kind: "split"; readonly links: readonly number[]; readonly parts: readonly (readonly Member[])[] }
  | { readonly kind: "gateway"; readonly links: readonly number[] }
  | {
      readonly kind: "monitor";
      readonly node: number;
      readonly monitor: string;
      readonly verdict: Exclude<Verdict, "up">;
    }
  | { readonly kind: "service"; readonly node: number; readonly service: string; readonly mood: ServiceMood }
);

/** What ends troubles: everything of one kind in one place, or everything at all. */
export type Remedy =
  | { readonly kind: "boot" | "start" | "thaw"; readonly node: number }
  | { readonly kind: "heal"; readonly what: "all" }
  | { readonly kind: "heal"; readonly what: "node"; readonly node: number }
  | { readonly kind: "heal"; readonly what: "cable"; readonly node: number; readonly links: readonly number[] }
  | { readonly kind: "heal"; readonly what: "link"; readonly links: readonly number[] }
  | { readonly kind: "loss-over" | "delay-over" | "gateway-up"; readonly links: readonly number[] }
  | { readonly kind: "monitor-up"; readonly node: number; readonly monitor: string }
  | { readonly kind: "service-works"; readonly node: number; readonly service: string };

export type Wanted =
  | { readonly kind: "on"; readonly node: number }
  | { readonly kind: "nowhere" }
  /** No client was without an answer for so long, so far. */
  | { readonly kind: "gap"; readonly underMs: number };

export type Action =
  | { readonly kind: "trouble"; readonly trouble: Trouble }
  | { readonly kind: "remedy"; readonly remedy: Remedy }
  /** `node`: where the command must be given; undefined means on any node. */
  | { readonly kind: "request"; readonly verb: Verb; readonly node: number | undefined }
  /** A service ends by itself, once; whoever watches it may start it again. */
  | { readonly kind: "dies"; readonly node: number; readonly service: string }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "expect"; readonly group: string; readonly wanted: Wanted };

/** One statement and where it stands. */
export interface Statement {
  readonly action: Action;
  /** As written, with single blanks. */
  readonly text: string;
  readonly at: TextPosition;
}

/**
 * What a trouble keeps busy, one key for each thing that can be wrong only once: a machine's power, one direction of
 * one cable, one service.
 */
export function keysOf(trouble: Trouble): string[] {
  switch (trouble.kind) {
    case "power":
    case "freeze":
    case "block":
    case "pause":
      return [`${trouble.kind}/${trouble.node}`];
    case "suspend":
      return [`pause/${trouble.node}`];
    case "kill":
    case "stop":
      return [`daemon/${trouble.node}`];
    case "cut":
      return trouble.links.flatMap((link) => {
        const cable = `${trouble.node}/${link}`;
        if (trouble.carrier) return [`carrier/${cable}`];
        return trouble.way === "both" ? [`in/${cable}`, `out/${cable}`] : [`${trouble.way}/${cable}`];
      });
    case "filter":
      return trouble.links.map((link) => `filter/${trouble.node}/${link}`);
    case "loss":
    case "delay":
    case "split":
    case "gateway":
      return trouble.links.map((link) => `${trouble.kind}/${link}`);
    case "monitor":
      return [`monitor/${trouble.node}/${trouble.monitor}`];
    case "service":
      return [`service/${trouble.node}/${trouble.service}`];
  }
}

/** Which of the open keys a remedy ends. */
export function endedBy(remedy: Remedy, open: Iterable<string>): string[] {
  const keys = [...open];
  const exactly = (...wanted: string[]) => keys.filter((key) => wanted.includes(key));
  switch (remedy.kind) {
    case "boot":
      return exactly(`power/${remedy.node}`);
    case "start":
      return exactly(`daemon/${remedy.node}`);
    case "thaw":
      return exactly(`freeze/${remedy.node}`);
    case "loss-over":
      return exactly(...remedy.links.map((link) => `loss/${link}`));
    case "delay-over":
      return exactly(...remedy.links.map((link) => `delay/${link}`));
    case "gateway-up":
      return exactly(...remedy.links.map((link) => `gateway/${link}`));
    case "monitor-up":
      return exactly(`monitor/${remedy.node}/${remedy.monitor}`);
    case "service-works":
      return exactly(`service/${remedy.node}/${remedy.service}`);
    case "heal":
      return keys.filter((key) => isHealed(remedy, key));
  }
}

/** Keys of a whole link have two parts, those of a node's cables three; a node's own begin with other words. */
function isHealed(remedy: Extract<Remedy, { kind: "heal" }>, key: string): boolean {
  const [kind = "", first, second] = key.split("/");
  const isWire = ["loss", "delay", "split", "gateway"].includes(kind);
  const isCable = ["in", "out", "carrier", "filter"].includes(kind);
  // A pause cannot be ended from outside: it has its length.
  if (kind === "pause") return false;
  switch (remedy.what) {
    case "all":
      return true;
    case "node":
      return !isWire && Number(first) === remedy.node;
    case "cable":
      return isCable && Number(first) === remedy.node && remedy.links.includes(Number(second));
    case "link":
      return isWire && remedy.links.includes(Number(first));
  }
}
