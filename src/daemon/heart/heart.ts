/**
 * The heart's thread: opens the machine, asks for real-time scheduling and runs. Started by `startHeart` in
 * handle.ts; see messages.ts for what it says and hears.
 */

import { checkpointsOf, stateShape } from "../../core/node/checkpoint.ts";
import { Node } from "../../core/node/node.ts";
import { Alarm } from "../../host/linux/alarm.ts";
import { openMachine } from "../../host/linux/machine.ts";
import { realtime } from "../../host/linux/realtime.ts";
import { threadChores } from "./chores.ts";
import { serveHeart } from "./thread.ts";
import { alarmTimers } from "./timers.ts";

await serveHeart(({ config, configHash, node, settingsRecord }, post) => {
  const scheduling = realtime();
  if (!scheduling.ok) {
    post({
      kind: "log",
      level: "warn",
      message: "no real-time scheduling for heartbeats",
      fields: { reason: scheduling.reason },
    });
  }
  const chores = threadChores((error) => {
    // Thrown outside every turn: the heart closes its gates and ends.
    throw error;
  });
  const core = new Node({ config, configHash, node });
  return {
    machine: openMachine({ settingsRecord }),
    chores,
    timers: alarmTimers(new Alarm()),
    node: core,
    checkpoints: { shape: stateShape(), take: checkpointsOf(core, config) },
  };
});
