/** What the program's exit code tells a script; the same for every command. */

/** Done; warnings do not count. */
export const EXIT_OK = 0;
/** Understood, but something is wrong or could not be done. */
export const EXIT_ERRORS = 1;
/** Not understood: wrong arguments, or a named file that cannot be read. */
export const EXIT_USAGE = 2;
