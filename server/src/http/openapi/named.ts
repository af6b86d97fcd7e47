import { z } from 'zod';

interface Name {
  readonly id: string;
}

const registry = z.registry<Name>();
const taken = new Set<string>();

/**
 * Gives a schema its name under `components.schemas`, to which the document refers wherever the
 * schema is used. The schema is made on first use, and throws when another one has the name.
 */
export function named<Schema extends z.ZodType>(id: string, make: () => Schema): () => Schema {
  let schema: Schema | undefined;
  return () => {
    if (schema !== undefined) {
      return schema;
    }
    if (taken.has(id)) {
      throw new TypeError(`Two schemas are named ${id}.`);
    }
    taken.add(id);
    schema = make();
    registry.add(schema, { id });
    return schema;
  };
}

/**
 * Throws for a schema without a name. Bodies are always named, so that generated clients have types
 * for them.
 */
export function refTo(schema: z.ZodType): { readonly $ref: string } {
  const name = registry.get(schema);
  if (name === undefined) {
    throw new TypeError('A body needs a schema with a name.');
  }
  return { $ref: uri(name.id) };
}

/** Every schema named so far as JSON Schema 2020-12, by name. */
export function namedSchemas(): Readonly<Record<string, object>> {
  const { schemas } = z.toJSONSchema(registry, { uri, io: 'input' });
  return Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function uri(id: string): string {
  return `#/components/schemas/${id}`;
}
