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
      Object.entries(value)
        .filter(([, child]) => child !== undefined)
        .map(([key, child]) => [key, keepsText(key) ? child : tidied(child)]),
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
  return Object.fromEntries(
    Object.entries(node).filter(([key, value]) => !isNoise(key, value, node)),
  );
}

function isNoise(key: string, value: unknown, { format }: Node): boolean {
  return key === 'pattern' ? format !== undefined : noise.has(key) && noise.get(key) === value;
}

const noise: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['additionalProperties', false],
  ['minimum', Number.MIN_SAFE_INTEGER],
  ['maximum', Number.MAX_SAFE_INTEGER],
  ['contentEncoding', 'binary'],
]);

/** Generators and linters do not know tuples. */
function asList(node: Node): Node {
  const { prefixItems, items, ...rest } = node;
  const isOne = Array.isArray(prefixItems) && prefixItems.length === 1 && items === false;
  return isOne ? { ...rest, items: prefixItems[0] } : node;
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
  const all = { ...one, ...rest, type: [one.type, 'null'] };
  return Array.isArray(one.enum) ? { ...all, enum: [...one.enum, null] } : all;
}
