/**
 * The file's shape as a JSON Schema, for editors that complete and check while somebody types. It cannot see
 * across the file (unknown nodes, equal addresses); `understudy check` does.
 */

import { z } from "zod";
import { ClusterFile } from "./schema.ts";

/** The parts of a JSON Schema that the cluster file's needs. */
export interface JsonSchema {
  readonly title?: string;
  readonly description?: string;
  readonly type?: string;
  readonly unit?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | false;
  readonly propertyNames?: JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

/** JSON Schema 2020-12 of the cluster file. */
export function clusterJsonSchema(): JsonSchema {
  return z.toJSONSchema(ClusterFile, {
    io: "input",
    unrepresentable: "any",
    // The library drops `examples` of settings that are converted while reading, so ours have a name of their own.
    override: ({ jsonSchema }) => {
      const { samples, ...rest } = jsonSchema;
      for (const key of Object.keys(jsonSchema)) delete jsonSchema[key];
      Object.assign(jsonSchema, rest, samples === undefined ? {} : { examples: samples });
    },
  }) as JsonSchema;
}
