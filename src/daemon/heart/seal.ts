/**
 * Signs heartbeat frames with the cluster key. Two keys may be valid during a rotation: the first one signs,
 * all verify. A key is found by its id, so that a frame costs one HMAC and not one per key.
 */

import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from "node:crypto";
import type { FrameSeal } from "../../core/membership/frame-codec.ts";

interface Key {
  readonly id: number;
  readonly key: KeyObject;
}

/** A seal with these keys, the first of which signs; throws when there is none. */
export function createSeal(keys: readonly Uint8Array[]): FrameSeal {
  const all: readonly Key[] = keys.map((bytes) => {
    const key = createSecretKey(bytes);
    return { id: keyId(key), key };
  });
  const signing = all[0];
  if (signing === undefined) throw new Error("no cluster key was given");
  return {
    keyId: signing.id,
    sign: (head, body) => hmac(signing.key, head, body),
    verify(id, head, body, mac) {
      const known = all.find((k) => k.id === id);
      return known !== undefined && mac.length === 32 && timingSafeEqual(hmac(known.key, head, body), mac);
    },
  };
}

/** The id says which key it is and nothing about the key: it is an HMAC too, of a text that no frame can be. */
function keyId(key: KeyObject): number {
  return createHmac("sha256", key).update("understudy key id").digest().readUInt32BE(0);
}

function hmac(key: KeyObject, head: Uint8Array, body: Uint8Array): Buffer {
  return createHmac("sha256", key).update(head).update(body).digest();
}
