type Node = Readonly<Record<string, unknown>>;

/**
 * Zod's JSON Schema, adapted for readers and generators: objects allow more members (the tests are
 * stricter), formats have no patterns, whole numbers lack JavaScript's limits, "or null" is a type
 * instead of a choice, and a tuple of one is a list of one.
 */
export function tidy<Tree>(tree: Tree): Tree {
  return tidied(tree) as Tree;
}

function tidied(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(tidied);
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  return simplified(
    Object.fromEntries(
      Object.entries(value).map(([key, child]) => [key, keepsText(key) ? child : tidied(child)]),
    ),
  );
}

/** Examples are not schemas. */
function keepsText(key: string): boolean {
  return key === 'value' || key === 'example';
}

function simplified(node: Node): Node {
  const { $schema: _schema, $id: _id, ...rest } = node;
  return nullable(asList(withoutNoise(rest)));
}

function withoutNoise(node: Node): Node {
  const { additionalProperties, pattern, minimum, maximum, contentEncoding, ...rest } = node;
  return {
    ...rest,
    ...(additionalProperties !== undefined &&
      additionalProperties !== false && { additionalProperties }),
    ...(pattern !== undefined && node.format === undefined && { pattern }),
    ...(minimum !== undefined && minimum !== Number.MIN_SAFE_INTEGER && { minimum }),
    ...(maximum !== undefined && maximum !== Number.MAX_SAFE_INTEGER && { maximum }),
    ...(contentEncoding !== undefined && contentEncoding !== 'binary' && { contentEncoding }),
  };
}

/** Generators and linters do not know tuples. */
function asList({ prefixItems, items, ...rest }: Node): Node {
  if (Array.isArray(prefixItems) && prefixItems.length === 1 && items === false) {
    return { ...rest, items: prefixItems[0] };
  }
  return {
    ...rest,
    ...(prefixItems !== undefined && { prefixItems }),
    ...(items !== undefined && { items }),
  };
}

function nullable(node: Node): Node {
  const { anyOf, ...rest } = node;
  if (!Array.isArray(anyOf) || anyOf.length !== 2) {
    return node;
  }
  const [one, other] = anyOf as [Node, Node];
  if (other.type !== 'null' || typeof one.type !== 'string') {
    return node;
  }
  const { type, enum: values, ...facts } = one;
  return {
    ...facts,
    ...rest,
    type: [type, 'null'],
    ...(Array.isArray(values) && { enum: [...values, null] }),
  };
}
