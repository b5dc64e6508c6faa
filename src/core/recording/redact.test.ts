import fc from "fast-check";
import { expect, test } from "vitest";
import { LEFT_OUT, leaveSecretsOut, leaveSecretsOutOfArguments } from "./redact.ts";

const SECRET = "Hk7-q9Zx_tr0ub4dor";

test.each([
  `password=${SECRET}`,
  `DB_PASSWORD: ${SECRET}`,
  `--password ${SECRET} --port 3306`,
  `--mysql-passwd=${SECRET}`,
  `{"api_key": "${SECRET}"}`,
  `token '${SECRET} with spaces'`.replace("token ", "token="),
  `https://monitor:${SECRET}@192.0.2.1/health`,
  `Authorization: Bearer ${SECRET}`,
  `auth failed for Bearer ${SECRET}, exit 1`,
  `-----BEGIN PRIVATE KEY-----\n${SECRET}\n-----END PRIVATE KEY-----`,
])("a secret is left out of %s", (text) => {
  const left = leaveSecretsOut(text);
  expect(left).not.toContain(SECRET);
  expect(left).toContain(LEFT_OUT);
  expect(leaveSecretsOut(left)).toBe(left);
});

test("key material is left out by its looks", () => {
  expect(leaveSecretsOut(`key ${"ab01".repeat(16)} read`)).toBe(`key ${LEFT_OUT} read`);
  expect(leaveSecretsOut(`${"aB3/".repeat(11)}=`)).toBe(LEFT_OUT);
});

test("ordinary sentences, addresses and hashes stay", () => {
  for (const text of [
    "GET http://192.0.2.1:8000/index.php answered 503",
    "the token was lost",
    "exit 1: cannot stat /etc/understudy/cluster.key",
    "config 0123456789abcdef, mac 02:00:00:00:00:01",
    "PASS 12 of 12",
  ])
    expect(leaveSecretsOut(text)).toBe(text);
});

test("the argument after an option that names a secret is left out", () => {
  expect(leaveSecretsOutOfArguments(["mysqladmin", "--password", SECRET, "ping"])).toEqual([
    "mysqladmin",
    "--password",
    LEFT_OUT,
    "ping",
  ]);
  expect(leaveSecretsOutOfArguments(["curl", "-u", "x", `--header=X-Token: ${SECRET}`]).join(" ")).not.toContain(
    SECRET,
  );
});

test("leaving out twice is leaving out once", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.constantFrom("password", "=", ":", " ", "--token", "Bearer ", "abcDEF123", "//", "@", "'", '"', "http:"),
      ),
      (parts) => {
        const once = leaveSecretsOut(parts.join(""));
        expect(leaveSecretsOut(once)).toBe(once);
      },
    ),
    { numRuns: 2_000 },
  );
});

test("a text of millions of characters takes no time to speak of, whatever it consists of", () => {
  for (const piece of [
    "x",
    "-",
    "password",
    "a:",
    "//",
    "'",
    "Bearer ",
    "-----BEGIN KEY-----",
    "A1b/",
    " ",
    "--a",
    "\n- ",
  ]) {
    const text = piece.repeat(Math.ceil(2_000_000 / piece.length));
    const began = performance.now();
    leaveSecretsOut(text);
    expect(performance.now() - began, piece).toBeLessThan(3_000);
  }
});
