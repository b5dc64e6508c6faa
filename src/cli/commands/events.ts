/** `understudy events`: what was decided, by all nodes, oldest first. */

import { Command } from "commander";

import type { EventRecord } from "../../api/types.ts";
import { clientOf } from "../runtime-dir.ts";
import { showEvents } from "../show-why.ts";

export function eventsCommand(): Command {
  return new Command("events")
    .description("Shows the decisions that all nodes recorded, oldest first.")
    .option("--follow", "go on with every new event")
    .option("--json", "print one JSON object per line")
    .action(async (options: { follow?: boolean; json?: boolean }, command: Command) => {
      const client = clientOf(command);
      const show = (records: readonly EventRecord[]): void => {
        if (records.length === 0) return;
        const text = options.json ? records.map((record) => JSON.stringify(record)).join("\n") : showEvents(records);
        process.stdout.write(`${text}\n`);
      };
      if (!options.follow) return show(await client.get<EventRecord[]>("/v1/events"));
      for await (const line of client.lines("/v1/events?follow=1")) show([JSON.parse(line) as EventRecord]);
    });
}
