import { expect, test } from "vitest";

import { createCommands, describeResult } from "./commands.ts";

const commands = createCommands({ graceMs: 150 });
const node = process.execPath;

function run(argv: readonly string[], timeoutMs = 10_000) {
  return commands.run({ argv, timeoutMs }, { UNDERSTUDY_NODE: "srv1" });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function waitUntil(condition: () => boolean, limitMs = 5_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error("the condition did not come true in time");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("exit code, output of both streams and the given environment come back", async () => {
  const result = await run(["sh", "-c", 'echo "on $UNDERSTUDY_NODE"; echo oops >&2; exit 3']);
  expect(result).toMatchObject({ code: 3, signal: undefined, timedOut: false, error: undefined });
  expect(result.output.split("\n").toSorted()).toEqual(["on srv1", "oops"]);
  expect(describeResult(result)).toContain("exit code 3");
});

test("arguments are handed over as they are, never through a shell", async () => {
  const result = await run(["echo", "$HOME; `id` $(id) *"]);
  expect(result.output).toBe("$HOME; `id` $(id) *");
});

test("the daemon's notification socket is not inherited", async () => {
  process.env["NOTIFY_SOCKET"] = "/run/nowhere";
  try {
    const result = await run(["env"]);
    expect(result.output).toContain("UNDERSTUDY_NODE=srv1");
    expect(result.output).not.toContain("NOTIFY_SOCKET");
  } finally {
    delete process.env["NOTIFY_SOCKET"];
  }
});

test("what cannot be started is a result and not an exception", async () => {
  for (const argv of [[], [""], ["/nonexistent/program"], ["/etc/passwd"], ["echo", "zero\0byte"]]) {
    const result = await run(argv);
    expect(result.error, JSON.stringify(argv)).toBeTypeOf("string");
    expect(result.code).toBeUndefined();
  }
});

test("only the end of a long output is kept", async () => {
  const result = await run([node, "-e", "process.stdout.write('x'.repeat(8e6) + 'the end')"]);
  expect(result.code).toBe(0);
  expect(result.output.length).toBeLessThanOrEqual(4_096);
  expect(result.output.endsWith("the end")).toBe(true);
});

test("a program that ignores SIGTERM is killed, with its children", async () => {
  const result = await run(["sh", "-c", 'trap "" TERM; sleep 60 & echo $!; while :; do sleep 1; done'], 300);
  expect(result).toMatchObject({ timedOut: true, signal: "SIGKILL" });
  expect(result.durationMs).toBeLessThan(5_000);
  await waitUntil(() => !isAlive(Number(result.output.split("\n")[0])));
});

test("a child that ignores SIGTERM is killed even when its parent obeys", async () => {
  const script = `sh -c 'trap "" TERM; echo $$; while :; do sleep 1; done' & wait`;
  const result = await run(["sh", "-c", script], 400);
  expect(result.timedOut).toBe(true);
  await waitUntil(() => !isAlive(Number(result.output.split("\n")[0])));
});

test("a grandchild that holds the output open delays nothing and stays alive when it writes", async () => {
  const result = await run(["sh", "-c", 'sh -c "while :; do echo tick; sleep 0.05; done" & echo "pid $!"; exit 0']);
  const pid = Number(/pid (\d+)/.exec(result.output)?.[1]);
  try {
    expect(result).toMatchObject({ code: 0, timedOut: false });
    expect(result.durationMs).toBeLessThan(5_000);
    let turns = 0;
    await waitUntil(() => ++turns > 30);
    expect(isAlive(pid)).toBe(true);
  } finally {
    process.kill(pid, "SIGKILL");
  }
});
