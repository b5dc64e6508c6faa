import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Problem } from "../core/base/report.ts";
import { Random } from "../core/base/random.ts";
import type { TapePart } from "./heart-recording.ts";
import { InputRing, listSegments, RING_DIRECTORY } from "./input-ring.ts";
import { PAIR, pairHeader, recordPair } from "./pretended-pair.ts";
import { SegmentFile } from "./read-segment.ts";
import { replay, type ReplaySummary } from "./replay.ts";
import { recordedConfig, type SegmentHeader } from "./segment-header.ts";

let directory: string;
const rings: InputRing[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "understudy-recordings-"));
});

afterEach(async () => {
  for (const ring of rings.splice(0)) await ring.close();
  await rm(directory, { recursive: true, force: true });
});

interface Bench {
  readonly ring: InputRing;
  readonly said: string[];
  clock: number;
}

function openRing(limitBytes = 1_000_000): Bench {
  const said: string[] = [];
  const bench: Bench = {
    said,
    clock: 0,
    ring: new InputRing({
      stateDir: directory,
      limitBytes,
      askToBegin: () => void said.push("ask"),
      stopped: () => void said.push("stopped"),
      resumed: () => void said.push("resumed"),
      now: () => bench.clock,
    }),
  };
  rings.push(bench.ring);
  return bench;
}

function give({ ring }: Bench, part: TapePart, change: Partial<SegmentHeader> = {}): void {
  if (part.kind === "begin") ring.begin({ ...pairHeader(part), ...change }, part.checkpoint);
  else if (part.kind === "batch") ring.add(part.text);
}

async function write(parts: readonly TapePart[], change: Partial<SegmentHeader> = {}): Promise<readonly string[]> {
  const bench = openRing();
  for (const part of parts) give(bench, part, change);
  await bench.ring.flush();
  return (await listSegments(join(directory, RING_DIRECTORY))).map(({ path }) => path);
}

async function run(path: string, options = {}): Promise<ReplaySummary & { reasons: string[]; problems: Problem[] }> {
  const reasons: string[] = [];
  const problems: Problem[] = [];
  const all = { software: "1.0.0", from: Number.NEGATIVE_INFINITY, until: Number.POSITIVE_INFINITY, ...options };
  const summary = await replay(path, all, {
    segment: () => {},
    step: ({ decisions }) => {
      for (const each of decisions)
        if (each.kind === "event") reasons.push((each["event"] as { reason: string }).reason);
    },
    problem: (problem) => void problems.push(problem),
  });
  return { ...summary, reasons, problems };
}

const script = { diesAt: 8_000, endsAt: 15_000 };

test("a recorded takeover, run again, is the same takeover", async () => {
  const [file] = await write(recordPair(script));
  const { reasons, difference, problems, decisions } = await run(file as string);
  expect(difference).toBeUndefined();
  expect(problems).toEqual([]);
  expect(reasons).toContain("PEER_DEAD");
  expect(reasons).toContain("GROUP_TAKEN");
  expect(decisions).toBeGreaterThan(10);
});

test("a segment that begins in the middle of a life replays alone, and a directory in its order", async () => {
  const files = await write(recordPair({ ...script, beginsAt: [5_000, 7_500] }));
  expect(files.length).toBe(3);
  for (const file of files) {
    const { difference, problems, inputs } = await run(file);
    expect([difference, problems]).toEqual([undefined, []]);
    expect(inputs).toBeGreaterThan(20);
  }
  const { segments, reasons } = await run(directory);
  expect(segments).toBe(3);
  expect(reasons.filter((reason) => reason === "GROUP_TAKEN")).toHaveLength(1);
  const late = await run(directory, { from: 1_700_000_000_000 + 10_000 });
  expect(late.segments).toBe(1);
  expect(late.reasons).not.toContain("NODE_STARTED");
});

test("a decision that differs from the recorded one is found, with its input and both decisions", async () => {
  const parts = recordPair(script).map((part) =>
    part.kind === "batch" ? { ...part, text: part.text.replace("is dead", "is bored") } : part,
  );
  const [file] = await write(parts);
  const { difference } = await run(file as string);
  expect(difference?.divergence.kind).toBe("decisions");
  expect(JSON.stringify(difference?.divergence)).toContain("is bored");
  expect(JSON.stringify(difference?.divergence)).toContain("is dead");
});

test.each(["gates", "messages"] as const)(
  "a digest of %s that differs is a difference; of messages, not from another version",
  async (which) => {
    const parts = recordPair(script).map((part) =>
      part.kind === "batch"
        ? { ...part, text: part.text.replace(new RegExp(`"${which}":\\d+`), `"${which}":1`) }
        : part,
    );
    const [file] = await write(parts);
    expect((await run(file as string)).difference?.divergence.kind).toBe(which);
    const elsewhere = await run(file as string, { software: "1.0.1" });
    expect(elsewhere.otherVersions).toEqual(["1.0.0"]);
    expect(elsewhere.difference?.divergence.kind).toBe(which === "gates" ? "gates" : undefined);
    expect(elsewhere.hasOtherMessages).toBe(which === "messages");
  },
);

test("a program whose state has another shape goes on only where a life begins", async () => {
  await write(recordPair({ ...script, beginsAt: [7_500] }), { shape: "Node(other)", software: "0.9.0" });
  const { segments, problems, difference } = await run(directory);
  expect(segments).toBe(1);
  expect(problems.map(({ code }) => code)).toEqual(["RECORDING_OTHER_STATE"]);
  expect(difference).toBeUndefined();
});

test("a file that is cut off anywhere replays as far as it goes, and says where it ends", async () => {
  const [file] = await write(recordPair(script));
  const whole = await readFile(file as string);
  const random = new Random("cuts");
  for (let round = 0; round < 40; round++) {
    const length = random.integer(0, whole.length - 1);
    await writeFile(file as string, whole.subarray(0, length));
    const { difference, problems } = await run(file as string);
    expect(difference, `cut at ${length}`).toBeUndefined();
    for (const { code, message } of problems) {
      expect(["RECORDING_TORN", "RECORDING_FOREIGN"], `cut at ${length}`).toContain(code);
      expect(message).toMatch(/byte \d+/);
    }
  }
});

test("a damaged file is told with the place of the damage, and never throws", async () => {
  const [file] = await write(recordPair({ ...script, beginsAt: [7_500] }));
  const whole = await readFile(file as string);
  const random = new Random("damage");
  for (let round = 0; round < 60; round++) {
    const bytes = Buffer.from(whole);
    const at = random.integer(0, bytes.length - 1);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.integer(0, 7));
    await writeFile(file as string, bytes);
    const { problems } = await run(file as string);
    expect(problems.length, `byte ${at}`).toBe(1);
    expect(problems[0]?.message).toMatch(/byte \d+|format/);
    expect(problems[0]?.next).toBeTruthy();
  }
});

test("other files are refused by what they are", async () => {
  const file = join(directory, "notes.txt");
  await writeFile(file, "not a recording at all\n");
  expect((await run(file)).problems[0]?.code).toBe("RECORDING_FOREIGN");
  await writeFile(file, "understudy-inputs 7\nwhatever");
  const [format] = (await run(file)).problems;
  expect(format?.code).toBe("RECORDING_FORMAT");
  expect(format?.message).toContain("format 7");
  expect((await run(join(directory, "absent"))).problems[0]?.code).toBe("RECORDING_UNREADABLE");
  expect((await run(directory)).problems[0]?.code).toBe("RECORDING_MISSING");
});

test("the ring keeps within its limit, and its oldest segments go first", async () => {
  const limit = 160_000;
  const bench = openRing(limit);
  const parts = recordPair({ diesAt: 6_000, endsAt: 12_000 });
  for (let life = 0; life < 40; life++) for (const part of parts) give(bench, part);
  await bench.ring.flush();
  const kept = await listSegments(join(directory, RING_DIRECTORY));
  expect(kept.length).toBeGreaterThan(3);
  expect(kept.length).toBeLessThan(40);
  expect(kept.at(-1)?.number).toBe(40);
  expect(kept.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBeLessThan(limit * 1.1);
  for (const { path } of kept) {
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await run(path)).difference).toBeUndefined();
  }
});

test("a daemon that starts again and again does not leave files without end", async () => {
  const bench = openRing();
  const [begin] = recordPair({ diesAt: 1_500, endsAt: 1_500 });
  for (let life = 0; life < 300; life++) give(bench, begin as TapePart);
  await bench.ring.flush();
  const kept = await listSegments(join(directory, RING_DIRECTORY));
  expect([kept[0]?.number, kept.length]).toEqual([45, 256]);
});

test("a disk that refuses is told once, and recording begins anew when it takes something again", async () => {
  await writeFile(join(directory, RING_DIRECTORY), "in the way");
  const bench = openRing();
  const parts = recordPair(script);
  for (const part of parts) give(bench, part);
  await bench.ring.flush();
  for (const part of parts.slice(1)) give(bench, part);
  await bench.ring.flush();
  expect(bench.said).toEqual(["stopped"]);
  bench.clock = 61_000;
  give(bench, parts[1] as TapePart);
  expect(bench.said).toEqual(["stopped", "ask"]);
  for (const part of parts) give(bench, part);
  await bench.ring.flush();
  expect(bench.said).toEqual(["stopped", "ask"]);
  await rm(join(directory, RING_DIRECTORY));
  bench.clock = 130_000;
  for (const part of parts) give(bench, part);
  await bench.ring.flush();
  expect(bench.said).toEqual(["stopped", "ask", "resumed"]);
  const [segment] = await listSegments(join(directory, RING_DIRECTORY));
  expect((await run(segment?.path ?? "")).difference).toBeUndefined();
});

test("no command and no secret that a program said is on disk", async () => {
  const secret = "Hk7q9Zxtr0ub4dor";
  const command = { argv: ["check", secret], timeoutMs: 1_000 };
  const service = {
    kind: "service",
    id: "www/app",
    name: "app",
    start: command,
    stop: command,
    status: command,
  } as const;
  const config = {
    ...PAIR,
    groups: PAIR.groups.map((group) => ({ ...group, resources: [{ ...service, everyMs: 1, attempts: 1 }] })),
  };
  expect(JSON.stringify(recordedConfig({ ...config, keyFile: secret }))).not.toContain(secret);
  const detail = `login failed: password=${secret}`;
  const told = [{ at: 4_000, input: { kind: "monitor", monitor: "db", verdict: "down", detail } }];
  const parts = recordPair({ ...script, told, beginsAt: [5_000] });
  const [first, second] = await write(parts);
  for (const file of [first, second]) expect((await run(file as string)).difference).toBeUndefined();
  const [kept] = await SegmentFile.open(second as string).then((opened) => (opened.ok ? [opened.value] : []));
  expect(JSON.stringify(kept?.checkpoint)).toContain("left-out");
  expect(JSON.stringify(kept?.checkpoint)).not.toContain(secret);
  await kept?.close();
  for (const part of parts) if (part.kind === "batch") expect(part.text).not.toContain(secret);
  expect(parts.some((part) => part.kind === "batch" && part.text.includes("left-out"))).toBe(true);
});
