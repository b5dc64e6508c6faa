/**
 * Signs heartbeat frames with the cluster key. Two keys may be valid during a rotation: the first one signs,
 * all verify. A key is found by its id, so that a frame costs one HMAC and not one per key.
 */

import { hash, timingSafeEqual } from "node:crypto";
import { MAX_FRAME_BYTES } from "../../core/base/limits.ts";
import type { FrameSeal } from "../../core/membership/frame-codec.ts";

/** Bytes of a SHA-256 block and digest. */
const BLOCK = 64;
const DIGEST = 32;

/** A seal with these keys, the first of which signs; throws when there is none. */
export function createSeal(keys: readonly Uint8Array[]): FrameSeal {
  const all = keys.map((bytes) => {
    const hmac = hmacWith(bytes);
    // The id says which key it is and nothing about the key: it is an HMAC too, of a text that no frame can be.
    return { id: hmac(Buffer.from("understudy key id"), Buffer.alloc(0)).readUInt32BE(0), hmac };
  });
  const signing = all[0];
  if (signing === undefined) throw new Error("no cluster key was given");
  return {
    keyId: signing.id,
    sign: (head, body) => signing.hmac(head, body),
    verify(id, head, body, mac) {
      const known = all.find((k) => k.id === id);
      return known !== undefined && mac.length === DIGEST && timingSafeEqual(known.hmac(head, body), mac);
    },
  };
}

/**
 * HMAC-SHA256 (RFC 2104) with one key over two parts, as two one-shot hashes over prepared blocks: this runs for
 * every heartbeat, and crypto's own Hmac is a stream object that is built and thrown away each time.
 */
function hmacWith(key: Uint8Array): (head: Uint8Array, body: Uint8Array) => Buffer {
  const block = Buffer.alloc(BLOCK);
  block.set(key.length > BLOCK ? hash("sha256", key, "buffer") : key);
  const inner = Buffer.alloc(
    BLOCK + MAX_FRAME_BYTES,
    block.map((byte) => byte ^ 0x36),
  );
  const outer = Buffer.alloc(
    BLOCK + DIGEST,
    block.map((byte) => byte ^ 0x5c),
  );
  return (head, body) => {
    const size = BLOCK + head.length + body.length;
    if (size > inner.length) throw new Error("more than a frame is to be sealed");
    inner.set(head, BLOCK);
    inner.set(body, BLOCK + head.length);
    outer.set(hash("sha256", inner.subarray(0, size), "buffer"), BLOCK);
    return hash("sha256", outer, "buffer");
  };
}
