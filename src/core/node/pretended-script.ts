/** The script language of the golden cases: lines of words that drive a `Stage`, answered by its transcript. */

import type { GroupRole, NodeMode, Verdict } from "../base/words.ts";
import type { ClusterConfig, FailbackConfig, GroupConfig, ResourceConfig } from "../config/cluster.ts";
import type { GateInput, Verb } from "./inputs.ts";
import { type Mood, nodeAddress, macOf, Stage } from "./pretended-stage.ts";

interface Setting {
  nodes: string[];
  links: number;
  me: string;
  groups: GroupConfig[];
  marginMs: number;
}

/** Plays the lines; answers them with what the node decided below each. */
export function play(lines: readonly string[]): string {
  const setting: Setting = { nodes: ["srv1", "srv2"], links: 2, me: "srv1", groups: [], marginMs: 30 };
  let stage: Stage | undefined;
  const written: string[] = [];
  for (const line of lines) {
    written.push(line);
    const words = line.split(/\s+/);
    if (line.startsWith("#") || describe(setting, words)) continue;
    stage ??= new Stage({ config: configOf(setting), node: setting.me });
    if (words[0] === "takes-over") stage = successor(stage, setting);
    else act(stage, words);
    written.push(...stage.transcript.splice(0).map((told) => `  ${told}`));
  }
  return written.join("\n");
}

/** Lines before the start that describe the cluster. */
function describe(setting: Setting, words: readonly string[]): boolean {
  const [verb, ...rest] = words;
  if (verb === "cluster") {
    const at = rest.indexOf("links");
    setting.nodes = at < 0 ? rest : rest.slice(0, at);
    if (at >= 0) setting.links = Number(rest[at + 1]);
    setting.me = setting.nodes[0] ?? "srv1";
  } else if (verb === "me") {
    setting.me = rest[0] ?? "srv1";
  } else if (verb === "margin") {
    setting.marginMs = Number(rest[0]);
  } else if (verb === "group") {
    setting.groups.push(groupFrom(rest));
  } else {
    return false;
  }
  return true;
}

function groupFrom([name = "", ...words]: readonly string[]): GroupConfig {
  const prefer: string[] = [];
  const requires: string[] = [];
  const resources: ResourceConfig[] = [];
  let failback: FailbackConfig = { kind: "never" };
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === "vip") resources.push(vip(name, rest.shift() ?? ""));
    else if (word === "service") resources.push(service(name, rest.shift() ?? ""));
    else if (word === "requires") requires.push(rest.shift() ?? "");
    else if (word === "failback") failback = failbackFrom(rest.shift() ?? "");
    else prefer.push(word);
  }
  return { name, prefer, failback, requires, resources };
}

function failbackFrom(word: string): FailbackConfig {
  return word === "auto" || word === "never" ? { kind: word } : { kind: "after", ms: Number(word) };
}

function vip(group: string, word: string): ResourceConfig {
  const [address = "", link = "0"] = word.split("@");
  const id = `${group}/${address}`;
  return { kind: "vip", id, address, family: 4, prefixLength: 24, link: Number(link), device: undefined, gateways: [] };
}

function service(group: string, name: string): ResourceConfig {
  const command = (action: string) => ({ argv: [name, action], timeoutMs: 1_000 });
  const commands = { start: command("start"), stop: command("stop"), status: command("status") };
  return { kind: "service", id: `${group}/${name}`, name, ...commands, everyMs: 1_000, attempts: 2 };
}

/** The cluster of a script: default timing but for the margin, no monitors but those that groups require. */
export function configOf(setting: Pick<Setting, "nodes" | "links" | "groups"> & { marginMs?: number }): ClusterConfig {
  const { nodes, links, groups, marginMs = 30 } = setting;
  const monitors = [...new Set(groups.flatMap((group) => group.requires))];
  return {
    cluster: "pretended",
    keyFile: "/etc/understudy/cluster.key",
    nodes: nodes.map((name, index) => ({
      name,
      addresses: Array.from({ length: links }, (_, link) => nodeAddress(link, index)),
    })),
    heartbeat: { intervalMs: 100, initialWaitMs: 5_000, port: 694 },
    lease: { evidenceMs: 120, marginMs },
    arbiter: { kind: "segment" },
    gateways: [],
    groups,
    everywhere: [],
    monitors: monitors.map((name) => ({
      name,
      check: { kind: "command", argv: ["true"] },
      everyMs: 1_000,
      timeoutMs: 500,
      fall: 2,
      rise: 2,
    })),
  };
}

/** The daemon's next self on the same stage: peers and network stay, the node is new. */
function successor(before: Stage, setting: Setting): Stage {
  const next = new Stage({ config: configOf(setting), node: setting.me, former: before });
  next.start({ handover: before.handover });
  return next;
}

function act(stage: Stage, words: readonly string[]): void {
  const [verb = "", first = "", second = ""] = words;
  if (verb.startsWith("+")) return stage.pass(Number(verb.slice(1)));
  if (stage.peers.has(verb)) return actPeer(stage, words);
  switch (verb) {
    case "start":
      return stage.start({
        epochs: Object.fromEntries(words.slice(1).map((word) => [word.split("=")[0], Number(word.split("=")[1])])),
      });
    case "link":
      return second === "cut" ? void stage.cutLinks.add(Number(first)) : void stage.cutLinks.delete(Number(first));
    case "carrier":
      return stage.carrier(Number(first), second === "back");
    case "gateway":
      if (second === "none") return void stage.noGateways.add(Number(first));
      return second === "gone"
        ? void stage.gatewaysGone.add(Number(first))
        : void stage.gatewaysGone.delete(Number(first));
    case "fabric":
      if (second === "none") stage.fabric.delete(Number(first));
      else stage.fabric.set(Number(first), macFor(stage, Number(first), second));
      return;
    case "monitor":
      return stage.input({ kind: "monitor", monitor: first, verdict: second as Verdict, detail: "as the script says" });
    case "service":
      stage.moods[first as "start" | "stop" | "status"] = second as Mood;
      return;
    case "pause":
      return stage.pause(Number(first));
    case "stalled":
    case "feeding":
      return stage.input({ kind: "stalled", stalled: verb === "stalled" });
    case "request":
      return stage.request(Number(first), verbFrom(words.slice(2)));
    case "wrong-key":
      return stage.input({ kind: "frame-rejected", why: "wrong-key", source: nodeAddress(0, stage.peer(first).index) });
    case "announcement": {
      const mac = macFor(stage, Number(first), words[3] ?? "");
      return stage.input({
        kind: "announcement",
        link: Number(first),
        address: second,
        mac,
        probe: words[4] === "probe",
      });
    }
    case "gate":
      return stage.input({
        kind: "gate",
        what: first as GateInput["what"],
        vip: second || undefined,
        detail: "as the script says",
      });
    default:
      throw new Error(`the script says "${words.join(" ")}"`);
  }
}

function macFor(stage: Stage, link: number, word: string): string {
  const peer = stage.peers.get(word);
  return peer === undefined ? word : macOf(link, peer.index);
}

function verbFrom([verb = "", first = "", second = ""]: readonly string[]): Verb {
  if (verb === "switch") return { verb, group: first, to: second };
  if (verb === "standby" || verb === "online") return { verb, node: first };
  if (verb === "clear") return { verb, group: first };
  if (verb === "maintenance") return { verb, on: first === "on" };
  if (verb === "restart" || verb === "leave") return { verb };
  throw new Error(`nobody can ask for ${verb}`);
}

function actPeer(stage: Stage, [name = "", verb = "", ...rest]: readonly string[]): void {
  const peer = stage.peer(name);
  const [first = "", second = ""] = rest;
  switch (verb) {
    case "joins":
    case "restarts":
      peer.restart();
      return stage.say(peer);
    case "dies":
      peer.isPowered = false;
      peer.isUp = false;
      return;
    case "hangs":
      peer.isUp = false;
      return;
    case "deaf":
      peer.isDeaf = true;
      return;
    case "leaves":
      peer.mode = "left";
      stage.say(peer);
      peer.isUp = false;
      return;
    case "cut":
      return void stage.cutPeers.add(`${name}/${first}`);
    case "heals":
      return void stage.cutPeers.delete(`${name}/${first}`);
    case "grants":
      peer.judgement = { kind: "grant" };
      return;
    case "ignores":
      peer.judgement = { kind: "ignore" };
      return;
    case "refuses":
      peer.judgement = { kind: "refuse", reason: first };
      return;
    case "serves":
      peer.serving = rest.filter((word) => word !== "nothing");
      return;
    case "config":
      peer.config = first === "differs" ? "fedcba9876543210" : "0123456789abcdef";
      return stage.say(peer);
    case "mode":
      peer.mode = first as NodeMode;
      return stage.say(peer);
    case "reach":
      peer.reach = rest.map(Number);
      return stage.say(peer);
    case "wishes":
      peer.wishes = [{ key: first, value: second, version: Number(rest[2]), node: name }];
      return stage.say(peer);
    case "claims":
      peer.claims = rest.filter((word) => word !== "nothing").map((word) => claimFrom(word));
      return stage.say(peer);
    case "restarting":
      peer.restartMs = Number(first);
      stage.say(peer);
      peer.isUp = false;
      return;
    case "says":
      return sayGroup(stage, name, rest);
    default:
      throw new Error(`${name} cannot "${verb}"`);
  }
}

function claimFrom(word: string): { group: string; epoch: number } {
  const [group = "", epoch = "0"] = word.split("@");
  return { group, epoch: Number(epoch) };
}

/** `GROUP ROLE[@EPOCH] [to NODE] [ill REASON…]`; with an epoch the peer is its holder. */
function sayGroup(stage: Stage, name: string, words: readonly string[]): void {
  const peer = stage.peer(name);
  const [group = "", state = "", ...rest] = words;
  const [role, epoch] = state.split("@");
  const held = epoch === undefined ? {} : { epoch: Number(epoch), holder: name };
  const to = rest[0] === "to" ? rest[1] : undefined;
  const ill = rest.indexOf("ill");
  peer.say(group, {
    role: role as GroupRole,
    ...held,
    to,
    eligible: ill < 0,
    reason: ill < 0 ? "is well" : rest.slice(ill + 1).join(" "),
  });
  stage.say(peer);
}
