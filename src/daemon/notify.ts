/**
 * What the service manager is told (sd_notify(3)): ready, alive, and one line of status. The datagram socket
 * is opened only when somebody listens, so that a daemon started by hand loads nothing for it.
 */

/** Tells the service manager; failures are not worth more than silence, it has its own time limits. */
export interface Notifier {
  ready(status: string): void;
  status(text: string): void;
  stopping(): void;
  /** Feeds the manager's watchdog for as long as this thread runs; returns a function that ends it. */
  feedWatchdog(): () => void;
}

const AF_UNIX = 1;
const SOCK_DGRAM = 2;

/** A notifier for the manager named in the environment; one that tells nobody when there is none. */
export async function createNotifier(environment: NodeJS.ProcessEnv): Promise<Notifier> {
  const path = environment["NOTIFY_SOCKET"];
  const send = path === undefined || path === "" ? () => {} : await openSender(path);
  const intervalMs = watchdogIntervalMs(environment);
  return {
    ready: (status) => send(`READY=1\nSTATUS=${status}`),
    status: (text) => send(`STATUS=${text.replaceAll("\n", " ")}`),
    stopping: () => send("STOPPING=1"),
    feedWatchdog: () => {
      if (intervalMs === undefined) return () => {};
      send("WATCHDOG=1");
      const timer = setInterval(() => send("WATCHDOG=1"), intervalMs);
      timer.unref();
      return () => clearInterval(timer);
    },
  };
}

/** Twice as often as demanded (sd_watchdog_enabled(3)); undefined when nobody watches this process. */
export function watchdogIntervalMs(environment: NodeJS.ProcessEnv): number | undefined {
  const us = Number(environment["WATCHDOG_USEC"]);
  if (!Number.isFinite(us) || us <= 0) return undefined;
  const pid = environment["WATCHDOG_PID"];
  if (pid !== undefined && Number(pid) !== process.pid) return undefined;
  return Math.max(100, us / 1_000 / 2);
}

async function openSender(path: string): Promise<(text: string) => void> {
  const libc = await import("../host/linux/libc.ts");
  const fd = libc.openSocket(AF_UNIX, SOCK_DGRAM | libc.SOCK_NONBLOCK, 0);
  const address = socketAddress(path);
  return (text) => {
    try {
      libc.send(fd, Buffer.from(text), address);
    } catch {
      // The manager is busy or gone.
    }
  };
}

/** `struct sockaddr_un`; a leading `@` stands for the abstract namespace. */
function socketAddress(path: string): Buffer {
  const name = Buffer.from(path.startsWith("@") ? `\0${path.slice(1)}` : `${path}\0`);
  const address = Buffer.alloc(2 + name.length);
  address.writeUInt16LE(AF_UNIX);
  name.copy(address, 2);
  return address;
}
