import type { ByteSource } from '../../core/bytes.ts';
import { fail } from '../../core/errors.ts';
import { createMultipartScanner } from './multipart-scanner.ts';
import { type PartHeaders, parsePartHeaders } from './part-headers.ts';

export interface Part extends PartHeaders {
  /**
   * The bytes of the part, in slices of the source's chunks. Must be read before the next part is
   * requested, which skips the rest. Throws what the source throws, and `incomplete_body` when the
   * form ends inside the part.
   */
  readonly body: ByteSource;
}

export interface MultipartLimits {
  /** Default 100. */
  readonly maxParts?: number;
  /** Header bytes of one part. Default 16 KiB. */
  readonly maxHeaderBytes?: number;
}

export interface MultipartOptions extends MultipartLimits {
  /** From the Content-Type (`boundaryOf`), otherwise from the first line of the body. */
  readonly boundary?: string | undefined;
}

/**
 * The parts of a multipart/form-data body (RFC 7578), in order, without ever buffering one.
 * Preamble, epilogue and Content-Transfer-Encoding are ignored. Lines may end in LF alone when the
 * first one does. A name that is sent repeatedly is returned repeatedly.
 *
 * Throws `invalid_multipart` for a body that is not multipart, for too many parts or headers and
 * for nested forms, `incomplete_body` when the source ends before the closing boundary.
 */
export async function* parseMultipart(
  source: ByteSource,
  options: MultipartOptions = {},
): AsyncGenerator<Part, void, void> {
  const { maxParts = 100, maxHeaderBytes = 16 * 1024 } = options;
  const scanner = createMultipartScanner(source, options.boundary, maxHeaderBytes);
  let count = 0;
  // A reader that comes too late must not mistake the next part's bytes for its own, nor the end of
  // the form for the end of its part.
  const nextSliceOf = (part: number) => () => {
    if (part !== count) {
      throw fail('internal_error', {
        message: 'A part was read after the form had moved on to the next one.',
      });
    }
    return scanner.nextSlice();
  };
  try {
    for (; ; count++) {
      const headerBytes = await scanner.nextHeaders();
      if (headerBytes === undefined) {
        return;
      }
      if (count === maxParts) {
        throw fail('invalid_multipart', { message: `The form has more than ${maxParts} parts.` });
      }
      const headers = parsePartHeaders(headerBytes);
      refuseNested(headers);
      yield { ...headers, body: bodyOfPart(nextSliceOf(count)) };
    }
  } finally {
    await scanner.close();
  }
}

// RFC 7578 4.3 deprecates nested forms. A file of such a type (an .mht page) is a file like any
// other.
function refuseNested({ contentType, filename }: PartHeaders): void {
  if (filename === undefined && contentType !== undefined && /^multipart\//i.test(contentType)) {
    throw fail('invalid_multipart', {
      message: 'A multipart body inside a part is not supported.',
    });
  }
}

function bodyOfPart(nextSlice: () => Promise<Uint8Array | undefined>): ByteSource {
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const value = await nextSlice();
        return value === undefined ? { done: true, value } : { done: false, value };
      },
      return: () => Promise.resolve({ done: true, value: undefined }),
    }),
  };
}

export function isMultipart(contentType: string | undefined): boolean {
  return contentType !== undefined && /^\s*multipart\//i.test(contentType);
}

/** The boundary parameter of a Content-Type, undefined when there is none. */
export function boundaryOf(contentType: string | undefined): string | undefined {
  const match = /;\s*boundary\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]+))/i.exec(contentType ?? '');
  const value = match?.[1]?.replaceAll(/\\(.)/g, '$1') ?? match?.[2];
  return value === '' ? undefined : value;
}
