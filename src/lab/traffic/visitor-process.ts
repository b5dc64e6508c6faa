/**
 * Visitors as a process of their own inside the lab's client, asked over standard input and output: a steady load,
 * single questions, WebSockets, and downloads that take their time. It does not come first as observers do: it is the
 * load itself, and would take the processor from those that it looks at.
 */

import { nowMs } from "../clock.ts";
import { LineChannel } from "../line-channel.ts";
import { ask } from "./ask.ts";
import type { Answer, Question } from "./ask.ts";
import { RequestLoad } from "./request-load.ts";
import type { LoadOptions, LoadReport } from "./request-load.ts";
import { WebSocketVisitor } from "./web-socket.ts";
import type { SocketTarget } from "./web-socket.ts";

/** How a download stands: still running, or what came of it. */
export interface DownloadState {
  readonly endedMs: number | undefined;
  readonly bytes: number;
  readonly member: string | undefined;
  readonly error: string | undefined;
}

let load: RequestLoad | undefined;
const sockets: WebSocketVisitor[] = [];
const downloads: DownloadState[] = [];

function theLoad(): RequestLoad {
  if (load === undefined) throw new Error("no load was started");
  return load;
}

function socket(index: number): WebSocketVisitor {
  const found = sockets[index];
  if (found === undefined) throw new Error(`no WebSocket ${index}`);
  return found;
}

/** What can be asked for; each takes one object and answers JSON. */
const operations = {
  ask: (question: Question): Promise<Answer> => ask(question),

  startLoad: (options: LoadOptions): void => {
    load = new RequestLoad(options);
    load.start();
  },
  report: (): LoadReport => theLoad().report(),
  stopLoad: (): Promise<LoadReport> => theLoad().stop(),

  /** Answers its number and member. */
  openSocket: async (target: SocketTarget): Promise<{ socket: number; member: string }> => {
    const visitor = await WebSocketVisitor.open(target);
    return { socket: sockets.push(visitor) - 1, member: visitor.member };
  },
  echo: async (said: { socket: number; text: string }): Promise<void> => await socket(said.socket).echo(said.text),

  /** Answers its number. */
  startDownload: (question: Question): number => {
    const index = downloads.push({ endedMs: undefined, bytes: 0, member: undefined, error: undefined }) - 1;
    const ended = (state: Partial<DownloadState>): void => {
      downloads[index] = { endedMs: nowMs(), bytes: 0, member: undefined, error: undefined, ...state };
    };
    ask(question).then(
      ({ body, member }) => ended({ bytes: body.length, member }),
      (error: Error) => ended({ error: error.message }),
    );
    return index;
  },
  download: (which: { download: number }): DownloadState | undefined => downloads[which.download],
};

export type VisitorOperations = typeof operations;

if (import.meta.main) {
  const channel = new LineChannel(process.stdin, process.stdout, (method, params) => {
    const operation = (operations as Record<string, (params: never) => unknown>)[method];
    if (operation === undefined) throw new Error(`visitors know no ${method}`);
    return operation(params as never);
  });
  void channel.closed.then(() => process.exit(0));
}
