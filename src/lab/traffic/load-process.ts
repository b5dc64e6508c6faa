/** The load client as a process of its own, inside the lab's client: asked over its standard input and output. */

import { comeFirst } from "../clock.ts";
import { LineChannel } from "../line-channel.ts";
import { RequestLoad } from "./request-load.ts";
import type { LoadOptions } from "./request-load.ts";

comeFirst();
const load = new RequestLoad(JSON.parse(process.argv[2] ?? "{}") as LoadOptions);
const channel = new LineChannel(process.stdin, process.stdout, (method) => {
  if (method === "report") return load.report();
  if (method === "stop") return load.stop();
  throw new Error(`the load knows no ${method}`);
});
void channel.closed.then(() => process.exit(0));
load.start();
