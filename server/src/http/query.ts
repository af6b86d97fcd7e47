import type { Fields } from './body/urlencoded-form.ts';

/** The query of a request target. The first of a repeated name counts. */
export function queryOf(url: string): Fields {
  const fields: Record<string, string> = Object.create(null);
  const at = url.indexOf('?');
  if (at < 0) {
    return fields;
  }
  for (const [name, value] of new URLSearchParams(url.slice(at))) {
    fields[name] ??= value;
  }
  return fields;
}
