import { expect, test } from "vitest";
import { clusterJsonSchema } from "./json-schema.ts";
import type { JsonSchema } from "./json-schema.ts";

/** Every setting in the schema with its path. */
function settings(schema: JsonSchema, path: string): [string, JsonSchema][] {
  const inner = [
    schema.items,
    ...(schema.anyOf ?? []),
    schema.additionalProperties === false ? undefined : schema.additionalProperties,
  ];
  return [
    ...Object.entries(schema.properties ?? {}).flatMap(([key, setting]): [string, JsonSchema][] => [
      [`${path}.${key}`, setting],
      ...settings(setting, `${path}.${key}`),
    ]),
    ...inner.flatMap((below) => (below === undefined ? [] : settings(below, path))),
  ];
}

test("every setting has a description, an example, and a type or alternatives", () => {
  const all = settings(clusterJsonSchema(), "");
  expect(all.length).toBeGreaterThan(40);
  const poor = all.filter(
    ([, { description, examples, type, anyOf }]) =>
      description === undefined || examples === undefined || (type ?? anyOf) === undefined,
  );
  expect(poor.map(([path]) => path)).toEqual([]);
});

test("every mapping refuses settings that it does not have", () => {
  const open = settings(clusterJsonSchema(), "").filter(
    ([, { properties, additionalProperties }]) => properties !== undefined && additionalProperties !== false,
  );
  expect(open.map(([path]) => path)).toEqual([]);
});
