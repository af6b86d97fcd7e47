import type { ByteSource } from '../../core/bytes.ts';
import { fail } from '../../core/errors.ts';

/**
 * Text fields by name, without a prototype (`__proto__` is a name like any other). The first of a
 * name counts.
 */
export interface Fields {
  readonly [name: string]: string;
}

/**
 * Reads an application/x-www-form-urlencoded body. Throws `too_large` above `maxBytes`,
 * `bad_request` above `maxFields` (default 1000).
 */
export async function readUrlencoded(
  body: ByteSource,
  { maxBytes, maxFields = 1000 }: { readonly maxBytes: number; readonly maxFields?: number },
): Promise<Fields> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw fail('too_large', {
        message: 'The form is larger than allowed.',
        details: { maxBytes },
      });
    }
    chunks.push(chunk);
  }
  return parseUrlencoded(Buffer.concat(chunks).toString('utf8'), maxFields);
}

function parseUrlencoded(text: string, maxFields: number): Fields {
  const fields: Record<string, string> = Object.create(null);
  let count = 0;
  for (const [name, value] of new URLSearchParams(text)) {
    if (++count > maxFields) {
      throw fail('bad_request', { message: `The form has more than ${maxFields} fields.` });
    }
    fields[name] ??= value;
  }
  return fields;
}
