import { isUtf8 } from 'node:buffer';
import { essenceOf } from './media-types.ts';
import { isText } from './safe-types.ts';

/**
 * A text's type with its charset. The declared charset is used where browsers know it and read it
 * safely, except that UTF-8 and ASCII are decided by the bytes. Bytes that are UTF-8 get `utf-8`.
 * Otherwise there is no charset, and readers guess.
 */
export function withCharset(
  contentType: string,
  declared: string | undefined,
  utf8: boolean,
): string {
  const essence = essenceOf(contentType);
  if (essence === undefined || !isText(essence)) {
    return contentType;
  }
  const said = charsetOf(declared);
  const kept = said !== undefined && !/^(?:utf-?8|.*ascii)$/i.test(said) ? said : undefined;
  const charset = kept ?? (utf8 && isLabelled(essence) ? 'utf-8' : undefined);
  return charset === undefined ? essence : `${essence}; charset=${charset}`;
}

/**
 * The charset parameter of a type, as written. It must be one of the Encoding Standard, which omits
 * those whose bytes can pass for other text (UTF-7, HZ, most of ISO-2022). ISO-2022-JP is omitted
 * here.
 */
export function charsetOf(contentType: string | undefined): string | undefined {
  const label = /;\s*charset\s*=\s*(?:"([\w.:-]{1,40})"|([\w.:-]{1,40}))\s*(?:;|$)/i.exec(
    contentType ?? '',
  );
  const name = label?.[1] ?? label?.[2];
  const encoding = name === undefined ? undefined : encodingOf(name);
  return encoding === undefined || unsafe.has(encoding) ? undefined : name;
}

const unsafe: ReadonlySet<string> = new Set(['iso-2022-jp', 'replacement', 'x-user-defined']);

function encodingOf(label: string): string | undefined {
  try {
    return new TextDecoder(label).encoding;
  } catch {
    return undefined;
  }
}

/** Players of the other text types expect the bare type. */
function isLabelled(essence: string): boolean {
  return (
    essence.startsWith('text/') ||
    essence === 'application/json' ||
    essence === 'application/xml' ||
    essence === 'application/xhtml+xml'
  );
}

export interface Utf8Check {
  /** Consumes the next bytes. */
  push(chunk: Uint8Array): void;
  /** Whether all bytes so far are whole UTF-8. */
  isUtf8(): boolean;
}

/**
 * Checks whether a stream is UTF-8, at almost no cost: text in another encoding is recognised
 * early.
 */
export function createUtf8Check(): Utf8Check {
  let valid = true;
  let rest: Uint8Array = new Uint8Array(0);
  return {
    push(chunk) {
      if (!valid) {
        return;
      }
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const end = bytes.length - unfinished(bytes);
      valid = isUtf8(bytes.subarray(0, end));
      rest = Uint8Array.from(bytes.subarray(end));
    },
    isUtf8: () => valid && rest.length === 0,
  };
}

/**
 * For a text that continues after `head`: a non-ASCII letter proves UTF-8, pure ASCII proves
 * nothing about the rest.
 */
export function startsAsUtf8(head: Uint8Array, bytesInAll: number): boolean {
  if (bytesInAll <= head.length) {
    return isUtf8(head);
  }
  const whole = head.subarray(0, head.length - unfinished(head));
  return isUtf8(whole) && whole.some((byte) => byte >= 0x80);
}

/** Number of bytes at the end that begin an incomplete character. */
function unfinished(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) {
      continue;
    }
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needed > back ? back : 0;
  }
  return 0;
}
