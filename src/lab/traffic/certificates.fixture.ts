/** Certificates that nobody signed, made on the spot. */

import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

/** Makes (or makes anew, in the same place) a certificate for these names; its subject is `subject`. */
export function makeCertificate(
  folder: string,
  file: string,
  subject: string,
  names: readonly string[],
): CertificateFiles {
  const certificate = join(folder, `${file}.crt`);
  const key = join(folder, `${file}.key`);
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"],
      ...["-keyout", key, "-out", certificate, "-subj", `/CN=${subject}`],
      ...["-addext", `subjectAltName=${names.map((name) => `DNS:${name}`).join(",")}`],
    ],
    { stdio: "ignore" },
  );
  return { certificate, key };
}

/** Puts both into one file, as some tools deliver them. */
export function joinFiles(folder: string, file: string, { certificate, key }: CertificateFiles): string {
  const path = join(folder, `${file}.pem`);
  writeFileSync(path, readFileSync(certificate, "utf8") + readFileSync(key, "utf8"), { mode: 0o600 });
  rmSync(key);
  return path;
}
