import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { balancer, site } from "../../core/balancer/pretended-balancer.ts";
import type { BalancerConfig } from "../../core/config/balancer.ts";
import { readHostFiles } from "./host-files.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "host-files-"));
  const args = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"];
  const out = ["-keyout", join(folder, "key"), "-out", join(folder, "certificate"), "-subj", "/CN=example.com"];
  execFileSync("openssl", [...args, ...out, "-addext", "subjectAltName=DNS:example.com"], { stdio: "ignore" });
  chmodSync(join(folder, "key"), 0o600);
  // As tools deliver them: words before the block, lines of another system, an empty line at the end.
  const text = readFileSync(join(folder, "certificate"), "utf8").replaceAll("\n", "\r\n");
  writeFileSync(join(folder, "certificate"), `subject=example.com\r\n\r\n${text}\r\n`);
  writeFileSync(join(folder, "page.html"), "<h1>Später</h1>");
  writeFileSync(join(folder, "password"), "secret\n# the login\n", { mode: 0o600 });
});
afterAll(() => rmSync(folder, { recursive: true }));

function config(more: Partial<BalancerConfig> = {}): BalancerConfig {
  const certificates = [{ certificate: join(folder, "certificate"), key: join(folder, "key") }];
  const secure = site("example.com", {
    tls: { certificates, http2: true, minVersion: "1.2" },
    errorPages: [{ status: 503, path: join(folder, "page.html") }],
  });
  const passwordFile = join(folder, "password");
  const stats = { address: "127.0.0.1", port: 8_404, path: "/stats", user: "ops", passwordFile };
  return balancer({ sites: [secure], stats, ...more });
}

test("certificate and key become one file of blocks without a blank line, which would end a command", () => {
  const files = readHostFiles(config());
  if (!files.ok) throw new Error(JSON.stringify(files.problems));
  const [bundle] = files.value.bundles;
  expect(bundle).toMatchObject({ path: "certificates/example.com-1.pem", secret: true });
  expect(bundle?.content).toMatch(
    /^-----BEGIN CERTIFICATE-----\n[\s\S]+-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n/,
  );
  expect(bundle?.content).not.toMatch(/\r|\n\n|subject/);
  expect(bundle?.content.endsWith("-----END PRIVATE KEY-----\n")).toBe(true);
});

test("error pages come with their bytes, and the login with the first line of its file", () => {
  const files = readHostFiles(config());
  if (!files.ok) throw new Error(JSON.stringify(files.problems));
  expect(files.value.errorPages).toEqual([
    { path: "errors/example.com-503.http", status: 503, html: Buffer.from("<h1>Später</h1>") },
  ]);
  expect(files.value.login).toEqual({ user: "ops", password: "secret" });
});

test("what cannot be used is refused with every reason", () => {
  chmodSync(join(folder, "password"), 0o644);
  const certificates = [{ certificate: join(folder, "nowhere"), key: join(folder, "key") }];
  const secure = site("example.com", { tls: { certificates, http2: true, minVersion: "1.2" } });
  const files = readHostFiles(config({ sites: [secure] }));
  chmodSync(join(folder, "password"), 0o600);
  expect(files.ok).toBe(false);
  expect(files.problems.map(({ code }) => code)).toEqual(expect.arrayContaining(["FILE_MISSING", "PASSWORD_EXPOSED"]));
});
