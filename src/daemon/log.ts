/**
 * Structured lines on standard error, one JSON object each. Under systemd every line carries the `<N>` prefix
 * from which the journal reads its priority (sd-daemon(3)). Lines are written apart from the main thread and
 * dropped when nobody takes them: a journal that hangs must not take a site down.
 */

import pino from "pino";

type Level = "info" | "warn" | "error";

export interface Log {
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
  /** Writes what waits, now; for the end of the process. */
  flush(): void;
}

/** Lines that wait for a reader. */
const BACKLOG_LIMIT_BYTES = 1_048_576;
/** Priorities of syslog(3). */
const PRIORITIES: Readonly<Record<Level, number>> = { info: 6, warn: 4, error: 3 };

/** Makes the daemon's log. */
export function createLog(environment: NodeJS.ProcessEnv): Log {
  const destination = pino.destination({ fd: 2, sync: false, maxLength: BACKLOG_LIMIT_BYTES });
  destination.on("error", () => {}); // nobody reads any more
  const isJournal = environment["JOURNAL_STREAM"] !== undefined;
  const prefixed = {
    write(line: string): void {
      destination.write(isJournal ? `<${priorityOf(line)}>${line}` : line);
    },
  };
  const logger = pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    prefixed,
  );
  return {
    info: (message, more) => logger.info(more ?? {}, message),
    warn: (message, more) => logger.warn(more ?? {}, message),
    error: (message, more) => logger.error(more ?? {}, message),
    flush: () => {
      try {
        destination.flushSync();
      } catch {
        // Not yet open, or nobody reads: there is nowhere left to tell it.
      }
    },
  };
}

function priorityOf(line: string): number {
  const level = /^\{"level":"(\w+)"/.exec(line)?.[1];
  return PRIORITIES[level as Level] ?? 6;
}

/** A log that tells nobody; for tests. */
export const SILENT_LOG: Log = { info: () => {}, warn: () => {}, error: () => {}, flush: () => {} };
