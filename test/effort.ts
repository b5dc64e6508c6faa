/**
 * How often a test repeats what it does. `npm test` keeps every promise, with as many rounds as show at once what is
 * broken; `npm run test:long`, before a release, repeats until what is broken now and then shows as well. Only what
 * repeats or lasts may ask here: what is promised is the same in both.
 */

/** True in `npm run test:long`. */
export const isLong = process.env["UNDERSTUDY_LONG"] === "1";

/** Rounds, seeds or milliseconds: of every run, and of the long one. */
export function effort({ usual, long }: { readonly usual: number; readonly long: number }): number {
  return isLong ? long : usual;
}
