import type { ByteRange } from '../../core/bytes.ts';

export type RangeAnswer =
  /** Send all of it: no range, an unsupported one, or several. */
  | { readonly kind: 'none' }
  | { readonly kind: 'range'; readonly range: ByteRange }
  /** 416 with `Content-Range: bytes *\/size`. */
  | { readonly kind: 'unsatisfiable' };

/**
 * The part of `size` bytes that a Range header requests (RFC 9110 14). The range lies inside the
 * bytes. A malformed header or another unit is ignored, as the RFC demands. A request for several
 * ranges gets all of it, as the RFC allows.
 */
export function parseRange(header: string | undefined, size: number): RangeAnswer {
  const match = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header ?? '');
  if (match === null) {
    return { kind: 'none' };
  }
  const [, first = '', last = ''] = match;
  if (first === '') {
    return suffix(last, size);
  }
  const start = Number(first);
  const end = last === '' ? Number.POSITIVE_INFINITY : Number(last);
  if (end < start) {
    return { kind: 'none' };
  }
  if (start >= size) {
    return { kind: 'unsatisfiable' };
  }
  return { kind: 'range', range: { start, end: Math.min(end, size - 1) } };
}

function suffix(length: string, size: number): RangeAnswer {
  if (length === '') {
    return { kind: 'none' };
  }
  if (Number(length) === 0) {
    return { kind: 'unsatisfiable' };
  }
  // The last bytes of an empty file are all of it, which no Content-Range can express.
  if (size === 0) {
    return { kind: 'none' };
  }
  return { kind: 'range', range: { start: Math.max(0, size - Number(length)), end: size - 1 } };
}
