/** The golden cases of nginx' config before the real `nginx -t`, in namespaces of their own. */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

import { readNginxCases, renderedByNginx } from "./nginx-cases.ts";

const folder = mkdtempSync(join(tmpdir(), "understudy-nginx-cases-"));
let certificate = "";

beforeAll(() => {
  const files = ["-keyout", join(folder, "key.pem"), "-out", join(folder, "certificate.pem")];
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  execFileSync("openssl", ["req", ...kind, "-subj", "/CN=example.com", ...files], { stdio: "ignore" });
  certificate = execFileSync("cat", [join(folder, "certificate.pem"), join(folder, "key.pem")], { encoding: "utf8" });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Folders that the cases log to, and addresses that nobody has. */
const ROOM = [
  "mount -t tmpfs none /home && mkdir /home/logs && mount -t tmpfs none /var/log",
  "echo 1 > /proc/sys/net/ipv4/ip_nonlocal_bind && echo 1 > /proc/sys/net/ipv6/ip_nonlocal_bind",
  'exec "$@"',
].join(" && ");

function check(directory: string) {
  const argv = ["nginx", "-t", "-p", directory, "-c", join(directory, "nginx.conf")];
  return spawnSync("unshare", ["--net", "--mount", "sh", "-c", ROOM, "room", ...argv], {
    encoding: "utf8",
    timeout: 20_000,
  });
}

test.each(readNginxCases())("nginx takes: $title", ({ input }) => {
  const directory = mkdtempSync(join(folder, "case-"));
  for (const name of ["temporary", "private"]) mkdirSync(join(directory, name));
  for (const { path, content } of renderedByNginx(input, directory)) {
    writeFileSync(join(directory, path), content);
    for (const [, bundle = ""] of content.matchAll(/ssl_certificate (\S+);/g)) {
      mkdirSync(join(directory, dirname(bundle)), { recursive: true });
      writeFileSync(join(directory, bundle), certificate);
    }
  }
  const { status, stderr } = check(directory);
  expect(stderr).not.toMatch(/\[(warn|emerg|alert)\]/);
  expect(status).toBe(0);
});

test("the check refuses what is wrong", () => {
  const directory = join(folder, "wrong");
  mkdirSync(directory);
  writeFileSync(join(directory, "nginx.conf"), "events { }\nhttp { server { listen 192.0.2.10:80; wrong; } }\n");
  expect(check(directory).stderr).toContain('unknown directive "wrong"');
});
