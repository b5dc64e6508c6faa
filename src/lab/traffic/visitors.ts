/** Visitors of a lab's site, seen from the test's side; they are one process inside the lab's client. */

import type { Lab } from "../lab.ts";
import type { VisitorOperations } from "./visitor-process.ts";

export class Visitors {
  readonly #lab: Lab;
  readonly #id: number;

  private constructor(lab: Lab, id: number) {
    this.#lab = lab;
    this.#id = id;
  }

  static async start(lab: Lab): Promise<Visitors> {
    return new Visitors(lab, await lab.call("startVisitors"));
  }

  async call<Name extends keyof VisitorOperations>(
    method: Name,
    ...params: Parameters<VisitorOperations[Name]>
  ): Promise<Awaited<ReturnType<VisitorOperations[Name]>>> {
    const answer = await this.#lab.call("visitors", { id: this.#id, method, params: params[0] ?? {} });
    return answer as Awaited<ReturnType<VisitorOperations[Name]>>;
  }

  end(): Promise<void> {
    return this.#lab.call("stopVisitors", { id: this.#id });
  }
}
