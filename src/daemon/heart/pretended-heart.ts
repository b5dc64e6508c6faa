/** The heart's thread with a pretended machine and core, for tests of the handle and measurements. */

import { directChores } from "./chores.ts";
import { pretendedMachine, PretendedNode } from "./pretended.ts";
import { serveHeart } from "./thread.ts";

await serveHeart(({ config, node }, post) => {
  const addresses = config.nodes.find((n) => n.name === node)?.addresses ?? [];
  const did = (line: string): void => {
    // A heart that beats all day must not fill the other thread's memory with it.
    if (line !== "gate.open" && line !== "addresses.put")
      post({ kind: "log", level: "info", message: line, fields: {} });
  };
  const machine = pretendedMachine(addresses, did);
  return {
    machine,
    chores: directChores(machine),
    node: new PretendedNode({ config, node, holds: node === "srv1", remembers: false }),
  };
});
