import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createKeyFile, loadKeyFile } from "./key-file.ts";

const KEY = "0123456789abcdef".repeat(4);
const OTHER = Buffer.alloc(32, 7).toString("base64");

let folder = "";
let file = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "key-file-"));
  file = join(folder, "cluster.key");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function writeKey(text: string, mode = 0o600): void {
  writeFileSync(file, text);
  chmodSync(file, mode);
}

function refusal(): { code: string | undefined; next: string | undefined } {
  const loaded = loadKeyFile(file);
  expect(loaded.ok).toBe(false);
  const [problem] = loaded.problems;
  return { code: problem?.code, next: problem?.next };
}

test("a made key file has mode 0600 whatever the umask, and reads back as one key of 32 bytes", () => {
  const before = process.umask(0);
  try {
    expect(createKeyFile(file, false).ok).toBe(true);
  } finally {
    process.umask(before);
  }
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const loaded = loadKeyFile(file);
  expect(loaded.ok && loaded.value.map((key) => key.length)).toEqual([32]);
});

test("two made keys differ", () => {
  createKeyFile(file, false);
  createKeyFile(`${file}2`, false);
  expect(readFileSync(file, "utf8")).not.toBe(readFileSync(`${file}2`, "utf8"));
});

test("an existing key is left as it is, and replaced only when asked", () => {
  writeKey(KEY);
  expect(createKeyFile(file, false).problems).toMatchObject([{ code: "KEY_EXISTS" }]);
  expect(readFileSync(file, "utf8")).toBe(KEY);
  expect(createKeyFile(file, true).ok).toBe(true);
  expect(readFileSync(file, "utf8")).not.toContain(KEY);
  expect(readdirSync(folder)).toEqual(["cluster.key"]);
});

test("a missing directory is named with the command that makes it", () => {
  const { problems } = createKeyFile(join(folder, "none", "cluster.key"), false);
  expect(problems).toMatchObject([{ code: "KEY_NOT_WRITTEN", next: `mkdir -p ${join(folder, "none")}` }]);
});

test("keys are read in their order, in hexadecimal or base64, between comments", () => {
  writeKey(`# first\n${KEY}  # signs\n\n${OTHER}\r\n`);
  const loaded = loadKeyFile(file);
  expect(loaded.ok && loaded.value.map((key) => Buffer.from(key).toString("hex"))).toEqual([KEY, "07".repeat(32)]);
});

test("a missing key is refused with the command that makes one", () => {
  expect(refusal()).toEqual({
    code: "KEY_MISSING",
    next: `make it once with \`understudy keygen ${file}\`, then copy it to every node`,
  });
});

test.each([0o640, 0o604, 0o620, 0o666, 0o601])(
  "a key with mode %o is refused with the command that mends it",
  (mode) => {
    writeKey(KEY, mode);
    expect(refusal()).toEqual({ code: "KEY_READABLE_BY_OTHERS", next: `chmod 600 ${file}` });
  },
);

test("a key that nobody can change is fine", () => {
  writeKey(KEY, 0o400);
  expect(loadKeyFile(file).ok).toBe(true);
});

test.runIf(process.geteuid?.() === 0)("a key of another user is refused", () => {
  writeKey(KEY);
  chownSync(file, 12_345, 0);
  expect(refusal().code).toBe("KEY_WRONG_OWNER");
});

test.each([
  ["KEY_TOO_SHORT", KEY.slice(2)],
  ["KEY_TOO_SHORT", "QUJD"],
  ["KEY_MALFORMED", "no key at all!"],
  ["KEY_MALFORMED", ""],
  ["KEY_MALFORMED", "# only a comment\n"],
  ["KEY_MALFORMED", `${KEY}\n`.repeat(100)],
  ["KEY_TOO_MANY", `${KEY}\n${OTHER}\n${KEY}\n`],
])("%s is told", (code, text) => {
  writeKey(text);
  expect(refusal().code).toBe(code);
});

test("what is in the file is never shown", () => {
  writeKey("s3cret-s3cret!");
  expect(JSON.stringify(loadKeyFile(file).problems)).not.toContain("s3cret");
});

test("a directory is no key", () => {
  mkdirSync(file);
  expect(refusal().code).toBe("KEY_UNREADABLE");
});
