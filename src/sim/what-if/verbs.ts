/** The verbs of what-if scripts: how each is written, what it means, and how its words are read. */

import type { Reader } from "./reader.ts";
import type { Action, Member, Remedy, Trouble } from "./statement.ts";

/** One verb. The usage line is also what a message tells to write. */
export interface ScriptVerb {
  readonly usage: string;
  readonly summary: string;
  readonly read: (reader: Reader) => Action | undefined;
}

type NodeTrouble = "power" | "kill" | "stop" | "freeze" | "block";

function troubleOf(trouble: Trouble): Action {
  return { kind: "trouble", trouble };
}

function remedyOf(remedy: Remedy): Action {
  return { kind: "remedy", remedy };
}

function nodeTrouble(kind: NodeTrouble) {
  return (reader: Reader): Action | undefined => {
    const node = reader.node();
    const lasting = node === undefined ? undefined : reader.lasting();
    return node === undefined || lasting === undefined ? undefined : troubleOf({ kind, node, ...lasting });
  };
}

function nodeRemedy(kind: "boot" | "start" | "thaw") {
  return (reader: Reader): Action | undefined => {
    const node = reader.node();
    return node === undefined ? undefined : remedyOf({ kind, node });
  };
}

/** Nobody inside can end it, so its length must be told. */
function standstill(kind: "suspend" | "pause") {
  return (reader: Reader): Action | undefined => {
    const node = reader.node();
    if (node === undefined) return undefined;
    reader.accept("for");
    const forMs = reader.duration();
    return forMs === undefined ? undefined : troubleOf({ kind, node, forMs });
  };
}

function readCut(reader: Reader): Action | undefined {
  const cable = reader.cable();
  if (cable === undefined) return undefined;
  const way = reader.accept("in") ? "in" : reader.accept("out") ? "out" : "both";
  const lasting = reader.lasting();
  if (lasting === undefined) return undefined;
  return troubleOf({ kind: "cut", node: cable.node, links: cable.links, way, carrier: false, ...lasting });
}

function readUnplug(reader: Reader): Action | undefined {
  const cable = reader.cable();
  const lasting = cable && reader.lasting();
  if (cable === undefined || lasting === undefined) return undefined;
  return troubleOf({ kind: "cut", node: cable.node, links: cable.links, way: "both", carrier: true, ...lasting });
}

function readFilter(reader: Reader): Action | undefined {
  const cable = reader.cable();
  const lasting = cable && reader.lasting();
  if (cable === undefined || lasting === undefined) return undefined;
  return troubleOf({ kind: "filter", node: cable.node, links: cable.links, ...lasting });
}

function readHeal(reader: Reader): Action | undefined {
  const what = reader.healed();
  if (what === undefined) return undefined;
  if (what === "all") return remedyOf({ kind: "heal", what: "all" });
  const { node, links } = what;
  if (node === undefined) return links && remedyOf({ kind: "heal", what: "link", links });
  return remedyOf(
    links === undefined ? { kind: "heal", what: "node", node } : { kind: "heal", what: "cable", node, links },
  );
}

function readLoss(reader: Reader): Action | undefined {
  const links = reader.links();
  const share = links && reader.share();
  if (links === undefined || share === undefined) return undefined;
  if (share === 0) return remedyOf({ kind: "loss-over", links });
  const lasting = reader.lasting();
  return lasting && troubleOf({ kind: "loss", links, share, ...lasting });
}

function readDelay(reader: Reader): Action | undefined {
  const links = reader.links();
  if (links === undefined) return undefined;
  if (reader.accept("none")) return remedyOf({ kind: "delay-over", links });
  const ms = reader.duration();
  const lasting = ms === undefined ? undefined : reader.lasting();
  return ms === undefined || lasting === undefined ? undefined : troubleOf({ kind: "delay", links, ms, ...lasting });
}

function readSplit(reader: Reader): Action | undefined {
  const links = reader.links();
  if (links === undefined) return undefined;
  const words = reader.list("the parts, like srv1,gateway|srv2");
  const [first, last] = [words[0], words.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const span = { start: first.start, end: last.end };
  const seen = new Set<Member>();
  const parts: Member[][] = [[]];
  let isFine = true;
  for (const word of words) {
    for (const piece of word.text.matchAll(/[^,|]+|\|/g)) {
      const [text] = piece;
      const start = word.start + piece.index;
      if (text === "|") parts.push([]);
      else {
        const member = text === "gateway" || text === "clients" ? text : reader.nodeOrNothing(text);
        if (member === undefined) reader.unknownNode({ start, end: start + text.length }, text);
        else if (seen.has(member)) {
          reader.refuse({ start, end: start + text.length }, "SCRIPT_BAD_SPLIT", `${text} stands in two places`, {
            next: "write each name once",
          });
        } else {
          seen.add(member);
          parts.at(-1)?.push(member);
          continue;
        }
        isFine = false;
      }
    }
  }
  if (!isFine) return undefined;
  if (parts.length < 2 || parts.some((part) => part.length === 0)) {
    return reader.refuse(span, "SCRIPT_BAD_SPLIT", "a split has two parts or more, and somebody in each", {
      expected: "parts like srv1,gateway,clients|srv2",
    });
  }
  const lasting = reader.lasting();
  return lasting && troubleOf({ kind: "split", links, parts: withTheRest(reader, parts, seen), ...lasting });
}

/** Whoever is not named stays where the first part is. */
function withTheRest(reader: Reader, parts: Member[][], seen: ReadonlySet<Member>): Member[][] {
  const everybody: Member[] = [...reader.names.nodes.keys(), "gateway", "clients"];
  const [first = [], ...others] = parts;
  return [[...first, ...everybody.filter((member) => !seen.has(member))], ...others];
}

function readGateway(reader: Reader): Action | undefined {
  const links = reader.links();
  const state = links && reader.word(["down", "up"]);
  if (links === undefined || state === undefined) return undefined;
  if (state === "up") return remedyOf({ kind: "gateway-up", links });
  const lasting = reader.lasting();
  return lasting && troubleOf({ kind: "gateway", links, ...lasting });
}

function readMonitor(reader: Reader): Action | undefined {
  const node = reader.node();
  const monitor = node === undefined ? undefined : reader.monitor();
  const verdict = monitor === undefined ? undefined : reader.word(["down", "up", "unknown"]);
  if (node === undefined || monitor === undefined || verdict === undefined) return undefined;
  if (verdict === "up") return remedyOf({ kind: "monitor-up", node, monitor });
  const lasting = reader.lasting();
  return lasting && troubleOf({ kind: "monitor", node, monitor, verdict, ...lasting });
}

function readService(reader: Reader): Action | undefined {
  const node = reader.node();
  const service = node === undefined ? undefined : reader.service();
  const moods = ["dies", "fails-to-start", "fails-to-stop", "hangs-in-start", "slow", "works"] as const;
  const mood = service === undefined ? undefined : reader.word(moods);
  if (node === undefined || service === undefined || mood === undefined) return undefined;
  if (mood === "dies") return { kind: "dies", node, service };
  if (mood === "works") return remedyOf({ kind: "service-works", node, service });
  const lasting = reader.lasting();
  return lasting && troubleOf({ kind: "service", node, service, mood, ...lasting });
}

function readSwitch(reader: Reader): Action | undefined {
  const group = reader.group();
  if (group === undefined) return undefined;
  if (!reader.accept("--to")) reader.accept("to");
  const node = reader.node();
  const to = node === undefined ? undefined : reader.names.nodes[node];
  return to === undefined ? undefined : { kind: "request", verb: { verb: "switch", group, to }, node: undefined };
}

function readWish(verb: "standby" | "online") {
  return (reader: Reader): Action | undefined => {
    const index = reader.node();
    const node = index === undefined ? undefined : reader.names.nodes[index];
    return node === undefined ? undefined : { kind: "request", verb: { verb, node }, node: undefined };
  };
}

function readClear(reader: Reader): Action | undefined {
  const group = reader.group();
  return group === undefined ? undefined : { kind: "request", verb: { verb: "clear", group }, node: undefined };
}

function readMaintenance(reader: Reader): Action | undefined {
  const state = reader.word(["on", "off"]);
  return state && { kind: "request", verb: { verb: "maintenance", on: state === "on" }, node: undefined };
}

function readRestart(reader: Reader): Action | undefined {
  const node = reader.node();
  return node === undefined ? undefined : { kind: "request", verb: { verb: "restart" }, node };
}

function readWait(reader: Reader): Action | undefined {
  const ms = reader.duration();
  return ms === undefined ? undefined : { kind: "wait", ms };
}

function readExpect(reader: Reader): Action | undefined {
  const group = reader.group();
  const wanted = group === undefined ? undefined : reader.word(["on", "nowhere", "gap"]);
  if (group === undefined || wanted === undefined) return undefined;
  if (wanted === "nowhere") return { kind: "expect", group, wanted: { kind: "nowhere" } };
  if (wanted === "gap") {
    reader.accept("under");
    const underMs = reader.duration();
    return underMs === undefined ? undefined : { kind: "expect", group, wanted: { kind: "gap", underMs } };
  }
  const node = reader.node();
  return node === undefined ? undefined : { kind: "expect", group, wanted: { kind: "on", node } };
}

/** In the order in which a page explains them. */
export const SCRIPT_VERBS: Readonly<Record<string, ScriptVerb>> = {
  power: { usage: "power NODE [for TIME]", summary: "a server loses its power", read: nodeTrouble("power") },
  boot: { usage: "boot NODE", summary: "its power is back", read: nodeRemedy("boot") },
  kill: { usage: "kill NODE [for TIME]", summary: "its daemon is killed (SIGKILL)", read: nodeTrouble("kill") },
  stop: { usage: "stop NODE [for TIME]", summary: "its daemon is told to leave (SIGTERM)", read: nodeTrouble("stop") },
  start: { usage: "start NODE", summary: "its daemon is started again", read: nodeRemedy("start") },
  freeze: { usage: "freeze NODE [for TIME]", summary: "its daemon is frozen (SIGSTOP)", read: nodeTrouble("freeze") },
  thaw: { usage: "thaw NODE", summary: "the frozen daemon goes on", read: nodeRemedy("thaw") },
  block: { usage: "block NODE [for TIME]", summary: "its daemon's main thread hangs", read: nodeTrouble("block") },
  suspend: {
    usage: "suspend NODE for TIME",
    summary: "the whole machine stands still while its clocks go on, as when its host is overloaded",
    read: standstill("suspend"),
  },
  pause: {
    usage: "pause NODE for TIME",
    summary: "the whole machine stands still, its clocks too, as in a live migration",
    read: standstill("pause"),
  },
  cut: {
    usage: "cut NODE[:LINK] [in|out] [for TIME]",
    summary: "a cable is dead and keeps its carrier; `in` hears nothing, `out` is heard by nobody",
    read: readCut,
  },
  unplug: {
    usage: "unplug NODE[:LINK] [for TIME]",
    summary: "a cable is pulled out: the carrier is lost",
    read: readUnplug,
  },
  filter: {
    usage: "filter NODE[:LINK] [for TIME]",
    summary: "a firewall drops the cluster's port, both ways",
    read: readFilter,
  },
  loss: { usage: "loss LINK PERCENT% [for TIME]", summary: "a share of all packets is lost", read: readLoss },
  delay: { usage: "delay LINK TIME|none [for TIME]", summary: "every packet takes longer", read: readDelay },
  split: {
    usage: "split LINK NAMES|NAMES [for TIME]",
    summary: "a link's switches lose each other; `gateway` and `clients` can be named too",
    read: readSplit,
  },
  gateway: { usage: "gateway LINK down|up [for TIME]", summary: "the router on a link dies", read: readGateway },
  monitor: {
    usage: "monitor NODE NAME down|up|unknown [for TIME]",
    summary: "a check of a node fails from now on; the verdict follows as `every` and `fall` say",
    read: readMonitor,
  },
  service: {
    usage: "service NODE GROUP/NAME dies|fails-to-start|fails-to-stop|hangs-in-start|slow|works [for TIME]",
    summary: "a service ends by itself, or misbehaves from now on",
    read: readService,
  },
  heal: {
    usage: "heal NODE|NODE:LINK|LINK|all",
    summary: "puts everything right on a node, a cable or a link, or everywhere",
    read: readHeal,
  },
  switch: { usage: "switch GROUP NODE", summary: "an operator moves a group", read: readSwitch },
  standby: { usage: "standby NODE", summary: "an operator lets a node hold nothing", read: readWish("standby") },
  online: { usage: "online NODE", summary: "an operator lets it hold groups again", read: readWish("online") },
  clear: { usage: "clear GROUP", summary: "an operator forgets a group's failures", read: readClear },
  maintenance: {
    usage: "maintenance on|off",
    summary: "an operator keeps everything where it is",
    read: readMaintenance,
  },
  restart: { usage: "restart NODE", summary: "its daemon restarts and keeps its leases", read: readRestart },
  wait: { usage: "wait TIME", summary: "time passes; everything else takes none", read: readWait },
  expect: {
    usage: "expect GROUP on NODE | nowhere | gap under TIME",
    summary: "exit code 1 when it is not so at that moment",
    read: readExpect,
  },
};

/** Words of the lab, of shells and of other tools, and what they are called here. */
export const OTHER_WORDS: Readonly<Record<string, string>> = {
  "power-off": "power",
  poweroff: "power",
  crash: "power",
  "power-on": "boot",
  reboot: "power",
  "stop-daemon": "stop",
  leave: "stop",
  migrate: "pause",
  silence: "cut",
  deaf: "cut",
  mute: "cut",
  unfreeze: "thaw",
  "block-694": "filter",
  "lose-30": "loss",
  lose: "loss",
  latency: "delay",
  partition: "split",
  nginx: "service",
  move: "switch",
  sleep: "wait",
  assert: "expect",
};
