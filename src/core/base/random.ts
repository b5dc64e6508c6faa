/**
 * Random numbers that a seed decides. The core and the simulator draw from this and nothing else, so that a run
 * can be repeated exactly. It is "small fast counting" (Chris Doty-Humphrey, PractRand), 32 bits wide: enough
 * for schedules and tie-breaking, never for secrets.
 */

import { assert } from "./assert.ts";

/** One stream of random numbers; two streams of the same seed give the same numbers. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** Any number or text is a seed; nearby seeds give unrelated streams. */
  constructor(seed: number | string) {
    let hash = 0x811c9dc5;
    for (const character of String(seed)) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
    this.#a = hash;
    this.#b = Math.imul(hash, 0x9e3779b1) ^ 0x243f6a88;
    this.#c = Math.imul(hash, 0x85ebca6b) ^ 0x13198a2e;
    for (let round = 0; round < 16; round++) this.next();
  }

  /** A whole number from 0 to 2^32 - 1. */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** At least 0, below 1. */
  fraction(): number {
    return this.next() / 0x1_0000_0000;
  }

  /** At least `low`, below `high`. */
  between(low: number, high: number): number {
    return low + this.fraction() * (high - low);
  }

  /** A whole number from `low` to `high`, both possible. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.fraction() * (high - low + 1));
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    assert(list.length > 0, "a choice is made from something");
    return list[Math.floor(this.fraction() * list.length)] as T;
  }

  /** Lower-case hexadecimal digits. */
  hexadecimal(digits: number): string {
    let text = "";
    while (text.length < digits) text += this.next().toString(16).padStart(8, "0");
    return text.slice(0, digits);
  }
}
