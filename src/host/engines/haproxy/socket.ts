/**
 * Talks to HAProxy's sockets: one connection per question. HAProxy reads one line, which may hold many commands with `;`
 * between them, answers and closes; so nothing is left open that a reload would have to mind, and the end of an answer
 * needs no guessing. Many commands are sent in as many lines as HAProxy's buffer needs.
 */

import { connect } from "node:net";

/** HAProxy reads a line into one buffer of 16 kB, of which it keeps a part free. */
const MAX_LINE_BYTES = 12_000;
/** A file in a command must fit into the buffer as well. */
export const MAX_PAYLOAD_BYTES = 14_000;
/** An answer beyond is none that we asked for. */
const MAX_ANSWER_BYTES = 67_108_864;

export interface AskOptions {
  readonly timeoutMs?: number;
}

/** Asks one line and returns the whole answer; rejects when the socket refuses, breaks or is silent for too long. */
export function ask(socket: string, line: string, { timeoutMs = 5_000 }: AskOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const connection = connect(socket);
    // When our own process stood still, an answer may lie there already: it is read before the time counts.
    const timer = setTimeout(
      () => setImmediate(() => setImmediate(() => fail(new Error(`no answer within ${timeoutMs} ms`)))),
      timeoutMs,
    );
    const fail = (error: Error): void => {
      clearTimeout(timer);
      connection.destroy();
      reject(new Error(`${socket}: ${error.message}`));
    };
    // The master closes only after we did.
    connection.on("connect", () => connection.end(`${line}\n`));
    connection.on("data", (chunk) => {
      size += chunk.length;
      if (size > MAX_ANSWER_BYTES) fail(new Error("the answer does not end"));
      else chunks.push(chunk);
    });
    connection.on("error", fail);
    connection.on("end", () => {
      clearTimeout(timer);
      connection.destroy();
      resolve(Buffer.concat(chunks).toString("utf8"));
    });
  });
}

/** Sends commands in order, as few lines as they need; returns what HAProxy had to say against any of them. */
export async function command(socket: string, commands: readonly string[], options?: AskOptions): Promise<string[]> {
  const complaints: string[] = [];
  for (const line of lines(commands)) {
    const answer = await ask(socket, line, options);
    complaints.push(...answer.split("\n").filter((text) => text.trim() !== "" && !isConfirmation(text)));
  }
  return complaints;
}

/** HAProxy confirms a few commands in words, and most by nothing. */
function isConfirmation(text: string): boolean {
  return /^(IP changed from|port changed from|no need to change|Transaction|Success|Committing|\.+$)/i.test(
    text.trim(),
  );
}

function lines(commands: readonly string[]): string[] {
  const result: string[] = [];
  let line = "";
  for (const text of commands) {
    if (line !== "" && line.length + text.length + 1 > MAX_LINE_BYTES) {
      result.push(line);
      line = "";
    }
    line = line === "" ? text : `${line};${text}`;
  }
  if (line !== "") result.push(line);
  return result;
}
