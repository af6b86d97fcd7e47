/** Without what is undefined, for headers and queries that go out or are handed on as they are. */
export function defined(
  record: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const entries = Object.entries(record);
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
