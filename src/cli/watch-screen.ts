/** The same look again every second, drawn over the one before on a terminal; what fails is told and tried again. */

import { DaemonError } from "./daemon-client.ts";
import { showProblems } from "./print-problems.ts";

const WATCH_MS = 1_000;

/** Never returns; the user ends it. */
export async function watchScreen(look: () => Promise<string>, isText: boolean): Promise<never> {
  for (;;) {
    let text: string;
    try {
      text = await look();
    } catch (error) {
      if (!(error instanceof DaemonError)) throw error;
      text = showProblems(error.problems);
    }
    // Draws over the old picture and clears the rest, which flickers less than clearing first.
    const isScreen = process.stdout.isTTY && isText;
    process.stdout.write(isScreen ? `\u001b[H${text.replaceAll("\n", "\u001b[K\n")}\u001b[K\n\u001b[J` : `${text}\n`);
    await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
  }
}
