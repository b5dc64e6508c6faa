import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { balancer, site } from "../core/balancer/pretended-balancer.ts";
import { parseCluster } from "../core/config/parse.ts";
import { balancerFileProblems } from "./balancer-files.ts";

const folder = mkdtempSync(join(tmpdir(), "understudy-balancer-files-"));
const at = (name: string) => join(folder, name);

function openssl(...words: string[]): void {
  execFileSync("openssl", words, { cwd: folder, stdio: "pipe" });
}

/** A certificate for names, with a key of its own in NAME.key, by itself or by an issuer. */
function certificate(name: string, names: readonly string[], issuer?: string): void {
  const alternatives = `subjectAltName=${names.map((host) => `DNS:${host}`).join(",")}`;
  const by = issuer === undefined ? [] : ["-CA", `${issuer}.pem`, "-CAkey", `${issuer}.key`];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", `${name}.key`];
  openssl(
    "req",
    "-x509",
    ...key,
    "-out",
    `${name}.pem`,
    "-days",
    "90",
    "-subj",
    `/CN=${name}`,
    "-addext",
    alternatives,
    ...by,
  );
  chmodSync(at(`${name}.key`), 0o600);
}

function write(name: string, text: string, mode = 0o600): void {
  writeFileSync(at(name), text);
  chmodSync(at(name), mode);
}

beforeAll(() => {
  certificate("a", ["a.com", "*.a.com"]);
  certificate("b", ["b.com"]);
  certificate("c", ["c.com"], "a");
  write("whole.pem", readFileSync(at("a.pem"), "utf8") + readFileSync(at("a.key"), "utf8"));
  write("issuer-first.pem", readFileSync(at("a.pem"), "utf8") + readFileSync(at("c.pem"), "utf8"));
});

afterAll(() => rmSync(folder, { recursive: true }));

/** Findings as `line code`, for one site's settings or the whole's. */
function found(site: string, more: { whole?: string; now?: number } = {}): string[] {
  const text = `cluster: web
nodes: { srv1: { address: 192.0.2.11 }, srv2: { address: 192.0.2.12 } }
balancer:
${more.whole ?? "  engine: haproxy"}
  sites:
    a.com: { listen: ["0.0.0.0:80", "0.0.0.0:443"], pool: p,
      ${site} }
  pools: { p: { members: { srv1: 8000, srv2: 8000 } } }
`.replace('"0.0.0.0:443"', site.includes("tls") ? "{ address: 0.0.0.0, port: 443 }" : '"0.0.0.0:81"');
  const parsed = parseCluster(text.replaceAll("DIR", folder), "cluster.yaml");
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const { config, positions } = parsed.value;
  if (config.balancer === undefined) throw new Error("the file has no balancer");
  const problems = balancerFileProblems(config.balancer, {
    positions,
    ...(more.now !== undefined && { now: more.now }),
  });
  return problems.map(({ code, severity, at: place }) => `${place?.line}:${place?.column} ${severity} ${code}`);
}

const tls = (certificates: string) => `tls: { certificates: ${certificates} }`;

test("a certificate that fits its key and its site is fine", () => {
  expect(found(tls("{ certificate: DIR/a.pem, key: DIR/a.key }"))).toEqual([]);
  expect(found(tls("DIR/whole.pem"))).toEqual([]);
  expect(found(`aliases: ["*.a.com", www.a.com], ${tls("DIR/whole.pem")}`)).toEqual([]);
});

test("a key of another certificate is refused where it is named, also when the issuer stands first", () => {
  const setting = tls("[DIR/whole.pem, { certificate: DIR/a.pem, key: DIR/b.key }]");
  const column = `      ${setting}`.replaceAll("DIR", folder).indexOf(`${folder}/b.key`) + 1;
  expect(found(setting)).toEqual([`7:${column} error CERTIFICATE_KEY_MISMATCH`]);
  expect(found(tls("{ certificate: DIR/issuer-first.pem, key: DIR/c.key }"))).toEqual([
    expect.stringMatching(/error CERTIFICATE_KEY_MISMATCH/),
  ]);
});

test("dates are told before browsers do, by the clock that is given", () => {
  const day = 86_400_000;
  const site = tls("DIR/whole.pem");
  expect(found(site, { now: Date.now() + 80 * day })).toEqual([
    expect.stringMatching(/warning CERTIFICATE_EXPIRES_SOON/),
  ]);
  expect(found(site, { now: Date.now() + 100 * day })).toEqual([expect.stringMatching(/warning CERTIFICATE_EXPIRED/)]);
  expect(found(site, { now: Date.now() - day })).toEqual([expect.stringMatching(/warning CERTIFICATE_NOT_YET_VALID/)]);
});

test("a name that no certificate of the site has is told, and a missing chain", () => {
  expect(found(`aliases: [b.com, "*.b.com"], ${tls("DIR/whole.pem")}`)).toEqual([
    expect.stringMatching(/warning CERTIFICATE_LACKS_NAME/),
  ]);
  expect(
    found(
      `aliases: [b.com, c.com], ${tls("[DIR/whole.pem, { certificate: DIR/b.pem, key: DIR/b.key }, { certificate: DIR/c.pem, key: DIR/c.key }]")}`,
    ),
  ).toEqual([expect.stringMatching(/info CERTIFICATE_LACKS_CHAIN/)]);
});

test("what is wrong with a file's names is told of the file also where no place in the cluster file is known", () => {
  const tls = {
    certificates: [{ certificate: at("whole.pem"), key: undefined }],
    minVersion: "1.2",
    http2: true,
  } as const;
  const sites = ["b.com", "c.com"].map((name) => site(name, { tls }));
  expect(balancerFileProblems(balancer({ sites }))).toMatchObject([
    { code: "CERTIFICATE_LACKS_NAME", subject: { file: at("whole.pem") }, message: expect.stringMatching(/b\.com/) },
    { code: "CERTIFICATE_LACKS_NAME", subject: { file: at("whole.pem") }, message: expect.stringMatching(/c\.com/) },
  ]);
});

test("what is no certificate and no key is told as such", () => {
  write("empty.pem", "");
  write("broken.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
  openssl("ec", "-in", "a.key", "-aes256", "-passout", "pass:geheim", "-out", "locked.key");
  mkdirSync(at("folder.pem"), { recursive: true });
  write("open.key", readFileSync(at("a.key"), "utf8"), 0o644);
  write("group.key", readFileSync(at("a.key"), "utf8"), 0o640);
  const codes = (certificates: string) => found(tls(certificates)).map((line) => line.split(" ").at(-1));
  expect(codes("DIR/empty.pem")).toEqual(["CERTIFICATE_MALFORMED", "CERTIFICATE_KEY_MALFORMED"]);
  expect(codes("{ certificate: DIR/broken.pem, key: DIR/a.key }")).toEqual(["CERTIFICATE_MALFORMED"]);
  expect(codes("DIR/a.pem")).toEqual(["CERTIFICATE_KEY_EXPOSED", "CERTIFICATE_KEY_MALFORMED"]);
  expect(codes("{ certificate: DIR/a.pem, key: DIR/locked.key }")).toEqual(["CERTIFICATE_KEY_MALFORMED"]);
  expect(codes("{ certificate: DIR/a.pem, key: DIR/open.key }")).toEqual(["CERTIFICATE_KEY_EXPOSED"]);
  expect(codes("{ certificate: DIR/a.pem, key: DIR/group.key }")).toEqual([]);
  expect(codes("DIR/none.pem")).toEqual(["FILE_MISSING"]);
  expect(codes("DIR/folder.pem")).toEqual(["FILE_UNREADABLE"]);
});

test("error pages must be there, and small enough for haproxy", () => {
  write("503.html", "<h1>busy</h1>");
  write("big.html", "x".repeat(15_001));
  expect(found("error-pages: { 503: DIR/503.html }")).toEqual([]);
  expect(found("error-pages: { 503: DIR/big.html }")).toEqual([expect.stringMatching(/error ERROR_PAGE_TOO_LARGE/)]);
  expect(found("error-pages: { 503: DIR/big.html }", { whole: "  engine: nginx" })).toEqual([]);
  expect(found("error-pages: { 503: DIR/none.html }")).toEqual(["7:27 error FILE_MISSING"]);
});

test("a password must be a secret, and folders must be there", () => {
  write("good.password", "s3cret:with$igns\n");
  write("open.password", "s3cret\n", 0o644);
  write("bad.password", "two words\n");
  const stats = (file: string) => ({ whole: `  stats: { user: admin, password-file: DIR/${file} }` });
  expect(found("access-log: true", stats("good.password"))).toEqual([]);
  expect(found("access-log: true", stats("open.password"))).toEqual(["4:40 error PASSWORD_EXPOSED"]);
  expect(found("access-log: true", stats("bad.password"))).toEqual(["4:40 error PASSWORD_MALFORMED"]);
  const whole = "  engine: nginx\n  access-log: { file: DIR/none/a.log }";
  expect(found("static: { root: DIR/none }", { whole })).toEqual([expect.stringMatching(/warning FOLDER_MISSING/)]);
});
