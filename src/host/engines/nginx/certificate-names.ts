/** Which names a certificate is for: nginx chooses certificates by the kind of key, so names are sorted beforehand. */

import { X509Certificate } from "node:crypto";

import type { BundleFile } from "../host-files.ts";

/** By path of the bundle; lower case. One that cannot be read is left out: nginx complains about it itself. */
export function certificateNames(bundles: readonly BundleFile[]): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, readonly string[]>();
  for (const { path, content } of bundles) {
    try {
      names.set(path, namesOf(new X509Certificate(content)));
    } catch {
      // Told by whoever checks files.
    }
  }
  return names;
}

function namesOf({ subjectAltName, subject }: X509Certificate): readonly string[] {
  const alternative = [...(subjectAltName ?? "").matchAll(/DNS:([^,\s"]+)/g)].map(([, name = ""]) => name);
  const common = /^CN=(.+)$/m.exec(subject)?.[1];
  // A common name counts only where there are no others (RFC 6125, section 6.4.4).
  const names = alternative.length > 0 || common === undefined ? alternative : [common];
  return names.map((name) => name.toLowerCase());
}
