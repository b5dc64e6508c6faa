/** The lab tests itself: with a deliberately primitive failover program, so that no bug of ours can hide a bug of its. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { nowMs, pause, until } from "./clock.ts";
import { isAlive, labDirectories, removeLeftovers } from "./directory.ts";
import { Lab, withLab } from "./lab.ts";
import { packageRoot } from "./plan.ts";
import type { ForeignProgram } from "./plan.ts";

const readFile = (path: string): string => readFileSync(path, "utf8");

/** Processes of any lab folder, seen from outside. */
function processesOf(directory: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return (
          readFile(`/proc/${name}/cmdline`).includes(directory) || readFile(`/proc/${name}/environ`).includes(directory)
        );
      } catch {
        return false;
      }
    });
}

test("a lab shows the first page through the VIP within three seconds and leaves nothing behind", async () => {
  const startMs = nowMs();
  const lab = await Lab.up({ program: "stand-in" });
  const tookMs = nowMs() - startMs;
  expect(await lab.page()).toBe("srv1");
  expect(tookMs).toBeLessThan(3_000);
  await lab.down();
  expect(existsSync(lab.directory)).toBe(false);
  expect(processesOf(lab.directory)).toEqual([]);
});

test("power off makes a gap, the other node answers, power on boots the node again", async () => {
  await withLab({ program: "stand-in" }, async (lab) => {
    const client = await lab.startClient();
    await client.pageAfter(lab.now(), { from: "srv1" });
    const offMs = await lab.node("srv1").powerOff();
    await client.pageAfter(offMs, { from: "srv2" });
    const { gaps, failures } = await client.summary({ fromMs: offMs - 100 });
    expect(gaps).toMatchObject([{ before: "srv1", after: "srv2" }]);
    expect(gaps[0]?.durationMs).toBeGreaterThan(250);
    expect(gaps[0]?.durationMs).toBeLessThan(2_000);
    expect(failures["timeout"]).toBeGreaterThan(20);
    expect((await lab.state()).members.find((one) => one.name === "srv1")).toMatchObject({ isOn: false });
    const onMs = await lab.node("srv1").powerOn();
    await client.pageAfter(onMs, { from: "srv1" });
  });
});

test("two members that hold the same address are reported as two holders", async () => {
  await withLab({ program: "none", nodes: 3 }, async (lab) => {
    await lab.holders.start();
    const hold = (node: string) => lab.run(node, ["ip", "address", "add", "192.0.2.10/32", "dev", "eth0"]);
    await hold("srv1");
    await until("srv1 is seen", async () => (await lab.holders.serving())["192.0.2.10"]?.includes("srv1"));
    await pause(200);
    expect((await lab.holders.report()).twoHoldersMs).toBe(0);
    const secondMs = lab.now();
    await hold("srv2");
    await pause(500);
    const { twoHoldersMs, vips } = await lab.holders.report({ fromMs: secondMs });
    expect(twoHoldersMs).toBeGreaterThan(300);
    expect(twoHoldersMs).toBeLessThan(700);
    expect(vips["192.0.2.10"]?.meetings).toMatchObject([{ nodes: ["srv1", "srv2"] }]);
    await lab.run("srv2", ["ip", "address", "del", "192.0.2.10/32", "dev", "eth0"]);
    const afterMs = lab.now();
    await pause(200);
    expect((await lab.holders.report({ fromMs: afterMs + 10 })).twoHoldersMs).toBe(0);
  });
});

test("a frozen holder that keeps its address is seen as a second holder", async () => {
  await withLab({ program: "stand-in" }, async (lab) => {
    await lab.holders.start();
    const frozenMs = await lab.node("srv1").freeze();
    await until("both serve", async () => (await lab.holders.serving())["192.0.2.10"]?.length === 2);
    await pause(200);
    expect((await lab.holders.report({ fromMs: frozenMs })).twoHoldersMs).toBeGreaterThan(150);
    await lab.node("srv1").thaw();
    await until("one serves", async () => (await lab.holders.serving())["192.0.2.10"]?.length === 1);
  });
});

test("a node whose daemon is frozen can be powered off and on again", async () => {
  await withLab({ program: "stand-in" }, async (lab) => {
    const client = await lab.startClient();
    await client.pageAfter(lab.now(), { from: "srv1" });
    await lab.node("srv1").freeze();
    const offMs = await lab.node("srv1").powerOff();
    await client.pageAfter(offMs, { from: "srv2" });
    const onMs = await lab.node("srv1").powerOn();
    await client.pageAfter(onMs, { from: "srv1" });
  });
});

test("cables are cut with and without loss of carrier, per link and direction, and healed", async () => {
  await withLab({ program: "none", ipv6: true }, async (lab) => {
    const srv1 = lab.node("srv1");
    const carrier = async (device: string) =>
      (await srv1.run(["cat", `/sys/class/net/${device}/carrier`])).stdout.trim();
    const reaches = async (from: string, address: string) =>
      (await lab.run(from, ["ping", "-n", "-c", "1", "-W", "1", address])).code === 0;

    expect(await reaches("srv1", "192.0.2.12")).toBe(true);
    expect(await reaches("srv1", "2001:db8:2::1")).toBe(true);
    await srv1.cut({ link: "public", carrier: false });
    expect(await carrier("eth0")).toBe("1");
    expect(await reaches("srv1", "192.0.2.12")).toBe(false);
    expect(await reaches("srv1", "2001:db8:2::1")).toBe(false);
    expect(await reaches("srv1", "10.0.0.12")).toBe(true);
    await srv1.healCables();
    expect(await reaches("srv1", "192.0.2.12")).toBe(true);

    await srv1.cut({ link: "private", carrier: true });
    expect(await carrier("eth1")).toBe("0");
    expect(await carrier("eth0")).toBe("1");
    expect(await reaches("srv1", "10.0.0.12")).toBe(false);
    await srv1.healCables();
    expect(await carrier("eth1")).toBe("1");
    await until("the private link carries packets", () => reaches("srv1", "10.0.0.12"));
  });
});

test("a one-way cut and a lost port 694 lose exactly that", async () => {
  await withLab({ program: "none" }, async (lab) => {
    const [srv1, srv2] = [lab.node("srv1"), lab.node("srv2")];
    const received = async (port: number): Promise<number> => {
      const listener = srv2.run([
        "timeout",
        "0.6",
        "tcpdump",
        "-Z",
        "root",
        "--immediate-mode",
        "-l",
        "-n",
        "-i",
        "eth0",
        "udp",
        "port",
        String(port),
      ]);
      await pause(250); // tcpdump needs a moment to listen; a missed datagram would fail the test, not pass it
      await srv1.run(["bash", "-c", `for i in 1 2 3 4 5; do echo x > /dev/udp/192.0.2.12/${port}; done`]);
      return (await listener).stdout.split("\n").filter((line) => line.includes(`.${port}:`)).length;
    };
    expect(await received(694)).toBe(5);
    await srv1.lose({ link: "public", direction: "from-node", loss: { kind: "cluster-port" } });
    expect(await received(694)).toBe(0);
    expect(await received(695)).toBe(5);
    await srv1.healCables();
    expect(await received(694)).toBe(5);
    await srv1.cut({ link: "public", carrier: false, direction: "to-node" });
    expect(await received(694)).toBe(5);
  });
});

test("a share of packets is lost by chance", async () => {
  await withLab({ program: "none" }, async (lab) => {
    await lab.node("srv1").lose({ link: "private", loss: { kind: "share", percent: 30 } });
    const { stdout } = await lab.run("srv1", ["ping", "-n", "-q", "-c", "200", "-i", "0.002", "-W", "1", "10.0.0.12"]);
    const lost = Number(/([\d.]+)% packet loss/.exec(stdout)?.[1]);
    // Lost on the way out or back: 51 % expected.
    expect(lost).toBeGreaterThan(30);
    expect(lost).toBeLessThan(70);
  });
});

test("stopped nginx refuses, started nginx answers again", async () => {
  await withLab({ program: "stand-in" }, async (lab) => {
    const client = await lab.startClient();
    const atMs = await lab.node("srv1").stopNginx();
    await until("a refusal", async () => ((await client.summary({ fromMs: atMs })).failures["ECONNREFUSED"] ?? 0) > 0);
    await client.pageAfter(await lab.node("srv1").startNginx(), { from: "srv1" });
  });
});

test("an ARP responder poisons the client, with its own or a stolen hardware address", async () => {
  await withLab({ program: "none" }, async (lab) => {
    const learned = async (address: string): Promise<string | undefined> => {
      await lab.run("client", ["ip", "neigh", "flush", "all"]);
      await lab.run("client", ["ping", "-n", "-c", "1", "-W", "1", address]);
      const { stdout } = await lab.run("client", ["ip", "neigh", "show", address]);
      return /lladdr (\S+)/.exec(stdout)?.[1];
    };
    expect(await learned("192.0.2.77")).toBeUndefined();
    await lab.call("responder", { options: { mac: "02:75:73:00:00:66", delayMs: 0 } });
    expect(await learned("192.0.2.77")).toBe("02:75:73:00:00:66");
    await lab.call("responder", { options: { mac: "02:75:73:00:00:0b", addresses: ["192.0.2.10"], delayMs: 5 } });
    expect(await learned("192.0.2.77")).toBeUndefined();
    expect(await learned("192.0.2.10")).toBe("02:75:73:00:00:0b");
    expect((await lab.call("wireCounts")).lies).toBeGreaterThanOrEqual(2);
  });
});

test.each([
  { family: "udp4", address: "192.0.2.12" },
  { family: "udp6", address: "2001:db8:2::12" },
])(
  "the relay delays and doubles $family heartbeats, and a recording can be played again",
  async ({ family, address }) => {
    await withLab({ program: "none", ipv6: true }, async (lab) => {
      // A real socket, not a capture: what has a wrong checksum must count as lost.
      const receiver = `
      const socket = require("node:dgram").createSocket("${family}");
      let count = 0;
      socket.on("message", () => (count += 1));
      socket.bind(694, () => setTimeout(() => { console.log(count); socket.close(); }, 800));
    `;
      const received = async (act: () => Promise<unknown>): Promise<number> => {
        const listener = lab.run("srv2", [process.execPath, "-e", receiver]);
        await until("the receiver listens", async () =>
          (await lab.run("srv2", ["ss", "-ulnH"])).stdout.includes(":694"),
        );
        await act();
        return Number((await listener).stdout);
      };
      const send = () => lab.makeNoise("srv1", { address, port: 694, count: 5, bytes: 101 });
      await lab.call("record", { port: 694 });
      expect(await received(send)).toBe(5);
      expect(await received(() => lab.call("replay", { times: 2 }))).toBe(10);
      await lab.relayHeartbeats({ delayMs: [5, 50], duplicatePercent: 100, duplicateAfterMs: 20 });
      expect(await received(send)).toBe(10);
      await lab.relayHeartbeats(undefined);
      expect(await received(send)).toBe(5);
    });
  },
);

test("foreign software runs with folders of its own, and is frozen and killed like ours", async () => {
  const program: ForeignProgram = {
    kind: "foreign",
    argv: () => ["sh", "/etc/default/loop.sh", "foreign-loop"],
    matches: "foreign-loop",
    directories: (node) => [
      {
        path: "/etc/default",
        copy: true,
        files: { "loop.sh": { content: `echo ${node} > /var/lib/who; while :; do sleep 0.1; done`, mode: 0o755 } },
      },
      { path: "/var/lib" },
    ],
  };
  await withLab({ program, waitForCalm: false }, async (lab) => {
    const [srv1, srv2] = [lab.node("srv1"), lab.node("srv2")];
    for (const node of [srv1, srv2]) {
      await until("it wrote", async () => (await node.run(["cat", "/var/lib/who"])).stdout === `${node.name}\n`);
    }
    expect(existsSync("/var/lib/who")).toBe(false);
    expect(existsSync("/etc/default/loop.sh")).toBe(false);
    expect((await srv1.run(["ls", "/etc/default"])).stdout.split("\n").length).toBeGreaterThan(2);
    await srv1.freeze();
    const [pid] = await srv1.processes();
    expect((await lab.run("srv2", ["true"])).code).toBe(0);
    expect(pid).toBeGreaterThan(1);
    await srv1.killDaemon();
    await until("it is dead", async () => (await srv1.processes()).length === 0);
    await srv1.startDaemon();
    await until("it runs again", async () => (await srv1.processes()).length > 0);
  });
});

test("what a crashed run left behind is removed by the next lab, and a living one is left alone", async () => {
  await withLab({ program: "none" }, async (neighbour) => {
    const script = `
      import { Lab } from "${packageRoot}/src/lab/lab.ts";
      const lab = await Lab.up({ program: "stand-in" });
      console.log(lab.directory);
      setInterval(() => {}, 1000);
    `;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const directory = await new Promise<string>((resolve) =>
      child.stdout.setEncoding("utf8").once("data", (text: string) => resolve(text.trim())),
    );
    expect(directory.startsWith(tmpdir())).toBe(true);
    const owner = Number(readFile(`${directory}/pid`).split(" ")[0]);
    // The supervisor's wall and the program that owns it die without a word.
    child.kill("SIGKILL");
    process.kill(owner, "SIGKILL");
    await until("the lab is dead", () => !isAlive(directory));
    await until("its processes are gone", () => processesOf(directory).length === 0);
    removeLeftovers();
    expect(existsSync(directory)).toBe(false);
    expect(labDirectories()).toContain(neighbour.directory);
    expect((await neighbour.state()).members).toHaveLength(3);
  });
});

test("a lab ends when the program that it belongs to is killed", async () => {
  const script = `
    import { Lab } from "${packageRoot}/src/lab/lab.ts";
    const lab = await Lab.up({ program: "stand-in" });
    console.log(lab.directory);
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const directory = await new Promise<string>((resolve) =>
    child.stdout.setEncoding("utf8").once("data", (text: string) => resolve(text.trim())),
  );
  expect(existsSync(directory)).toBe(true);
  child.kill("SIGKILL");
  await until("nothing is left", () => !existsSync(directory) && processesOf(directory).length === 0);
});
