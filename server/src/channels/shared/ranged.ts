import type { ByteRange, ByteSource } from '../../core/bytes.ts';
import type { GetResult } from '../../core/channel.ts';
import { fail } from '../../core/errors.ts';
import type { HttpResponse } from '../../outbound/http-client.ts';

/** Value of a `Range` header. */
export function rangeHeader(range: ByteRange): string {
  return `bytes=${range.start}-${range.end}`;
}

export interface RangedRead {
  readonly service: string;
  /** Size of the whole object, from the ref. */
  readonly size: number;
  readonly range?: ByteRange | undefined;
}

/**
 * What `get` returns for a 200 or 206 answer: exactly the bytes asked for. A server that ignored
 * `Range` and returns 200 has the bytes before it skipped and the read broken off after it. Ends
 * with `channel_unavailable` when the server sends fewer bytes.
 */
export function rangedResult(response: HttpResponse, read: RangedRead): GetResult {
  const { start, end } = read.range ?? { start: 0, end: read.size - 1 };
  const size = end - start + 1;
  const first = response.status === 206 ? firstByte(response) : 0;
  if (first === undefined || first > start) {
    throw fail('channel_unavailable', {
      message: `${read.service}: answered another range than asked for`,
    });
  }
  return {
    stream: slice(response.stream, { skip: start - first, size, service: read.service }),
    size,
  };
}

function firstByte(response: HttpResponse): number | undefined {
  const match = /^bytes (\d+)-/.exec(response.header('content-range') ?? '');
  return match === null ? undefined : Number(match[1]);
}

async function* slice(
  source: ByteSource,
  options: { skip: number; size: number; service: string },
): AsyncGenerator<Uint8Array> {
  let { skip } = options;
  let left = options.size;
  for await (const chunk of source) {
    if (left === 0) {
      return;
    }
    const part = chunk.subarray(skip, skip + left);
    skip = Math.max(0, skip - chunk.length);
    left -= part.length;
    if (part.length > 0) {
      yield part;
    }
    // No return here: reading to the end of an answer of the right length keeps its socket alive.
  }
  if (left > 0) {
    throw fail('channel_unavailable', {
      message: `${options.service}: the answer ended before all bytes arrived`,
    });
  }
}
