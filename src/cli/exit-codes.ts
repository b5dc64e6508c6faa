/** What the program's exit code tells a script; the same for every command. */
export const EXIT_CODES = {
  /** Done; warnings do not count. */
  ok: 0,
  /** Understood, but it is wrong or could not be done. */
  failed: 1,
  /** Not understood: wrong arguments, or a named file that cannot be read. */
  usage: 2,
} as const;
