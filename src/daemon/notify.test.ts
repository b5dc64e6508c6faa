import { join } from "node:path";

import { expect, test } from "vitest";

import { bindSocket, closeDescriptor, openSocket, receive, SOCK_NONBLOCK } from "../host/linux/libc.ts";
import { withDirectory } from "./fixtures/pretended.ts";
import { createNotifier, watchdogIntervalMs } from "./notify.ts";

test("without a service manager nothing is told and nothing fails", async () => {
  const notifier = await createNotifier({});
  notifier.ready("srv1");
  notifier.stopping();
  notifier.feedWatchdog()();
});

test("the service manager is told on its socket", async () => {
  await withDirectory(async (directory) => {
    const path = join(directory, "notify");
    const fd = openSocket(1, 2 | SOCK_NONBLOCK, 0);
    try {
      bindSocket(fd, Buffer.concat([Buffer.from([1, 0]), Buffer.from(`${path}\0`)]));
      const notifier = await createNotifier({ NOTIFY_SOCKET: path, WATCHDOG_USEC: "400000" });
      notifier.ready("srv1 of demo");
      notifier.status("two\nlines");
      const end = notifier.feedWatchdog();
      const heard: string[] = [];
      const buffer = Buffer.alloc(1_000);
      await expect
        .poll(() => {
          for (let length = receive(fd, buffer); length !== undefined; length = receive(fd, buffer)) {
            heard.push(buffer.toString("utf8", 0, length));
          }
          return heard.length;
        })
        .toBeGreaterThan(3);
      end();
      expect(heard.slice(0, 4)).toEqual([
        "READY=1\nSTATUS=srv1 of demo",
        "STATUS=two lines",
        "WATCHDOG=1",
        "WATCHDOG=1",
      ]);
    } finally {
      closeDescriptor(fd);
    }
  });
});

test("the watchdog is fed twice as often as demanded, and only by the process that it watches", () => {
  expect(watchdogIntervalMs({})).toBeUndefined();
  expect(watchdogIntervalMs({ WATCHDOG_USEC: "nonsense" })).toBeUndefined();
  expect(watchdogIntervalMs({ WATCHDOG_USEC: "10000000" })).toBe(5_000);
  expect(watchdogIntervalMs({ WATCHDOG_USEC: "10000000", WATCHDOG_PID: String(process.pid) })).toBe(5_000);
  expect(watchdogIntervalMs({ WATCHDOG_USEC: "10000000", WATCHDOG_PID: "1" })).toBeUndefined();
});
