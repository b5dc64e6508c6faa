/**
 * What happened in a run: always a hash over everything, so that two runs can be compared, and only when
 * recording one readable line an event, because text is what makes a simulator slow.
 */

/** Collects the hash, and the lines when recording. */
export class Trace {
  /** Lines are kept only while this is true; look before building a text. */
  readonly recording: boolean;
  readonly lines: string[] = [];
  #low = 0x811c9dc5;
  #high = 0x2545f491;

  /** Lines also for every input and effect; their number is huge. */
  readonly verbose: boolean;

  constructor(options: { recording: boolean; verbose: boolean }) {
    this.recording = options.recording;
    this.verbose = options.verbose;
  }

  /** Adds a number to the hash. */
  mix(value: number): void {
    const whole = Math.floor(value);
    const rest = ((value - whole) * 0x4000_0000) | 0;
    this.#low = Math.imul(this.#low ^ whole, 0x01000193) ^ rest;
    this.#high = Math.imul(this.#high ^ (this.#low >>> 7), 0x85ebca6b) ^ (whole >>> 3);
  }

  /** Adds a text to the hash. */
  mixText(text: string): void {
    for (let i = 0; i < text.length; i++) this.#low = Math.imul(this.#low ^ text.charCodeAt(i), 0x01000193);
    this.#high = Math.imul(this.#high ^ this.#low, 0x85ebca6b);
  }

  /** Adds a line; call it only while recording, or for rare events. */
  line(at: number, who: string, text: string): void {
    this.mixText(text);
    if (this.recording) this.lines.push(`${(at / 1_000).toFixed(4).padStart(9)}  ${who.padEnd(7)}  ${text}`);
  }

  /** 16 hexadecimal digits over everything so far. */
  hash(): string {
    return hexadecimal(this.#high) + hexadecimal(this.#low);
  }
}

function hexadecimal(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}
