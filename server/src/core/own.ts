/**
 * The entry of a table that is the table's own: a text from outside may be `constructor` or
 * `__proto__`, which every object literal seems to have. Undefined when there is none.
 */
export function own<Value>(table: Readonly<Record<string, Value>>, key: string): Value | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
