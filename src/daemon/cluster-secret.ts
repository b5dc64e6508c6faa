/**
 * The control channel's proof of membership: TLS 1.3 with a pre-shared key that is derived from the cluster
 * key. Chosen over certificates issued from the key because there is nothing to issue, store, renew or expire
 * (no wall clock takes part), and X25519 still gives every connection its own keys.
 *
 * External pre-shared keys are bound to SHA-256, hence the two suites (RFC 8446, section 4.2.11).
 */

import { hkdfSync } from "node:crypto";

/** The suites that can carry an external pre-shared key, and nothing older than TLS 1.3. */
export const TLS_SETTINGS = {
  ciphers: "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256",
  minVersion: "TLSv1.3",
  maxVersion: "TLSv1.3",
} as const;

/** One cluster key as the control channel uses it. */
export interface ClusterSecret {
  /** Names the key without telling anything about it, so that two may be valid during a rotation. */
  readonly id: string;
  readonly psk: Buffer;
}

/** Derives the channel's secret from a cluster key. */
export function deriveSecret(key: Uint8Array): ClusterSecret {
  return {
    id: derive(key, "understudy control channel key id", 8).toString("hex"),
    psk: derive(key, "understudy control channel psk", 32),
  };
}

function derive(key: Uint8Array, info: string, length: number): Buffer {
  return Buffer.from(hkdfSync("sha256", key, new Uint8Array(0), info, length));
}

/** What a caller says about itself in the handshake. */
export interface Identity {
  readonly cluster: string;
  readonly node: string;
  readonly keyId: string;
}

export function writeIdentity(identity: Identity): string {
  return [identity.cluster, identity.node, identity.keyId].map(encodeURIComponent).join("/");
}

/** Undefined when the text is no identity. */
export function readIdentity(text: string): Identity | undefined {
  if (text.length > 500) return undefined;
  const parts = text.split("/");
  try {
    const [cluster, node, keyId] = parts.map(decodeURIComponent);
    if (parts.length !== 3 || cluster === undefined || node === undefined || keyId === undefined) return undefined;
    return { cluster, node, keyId };
  } catch {
    return undefined;
  }
}
