import type { ByteSource } from '../../bytes.ts';
import { fail, isStowageError, type StowageError } from '../../errors.ts';
import { tap } from '../../streams/tap.ts';
import { decoded, isDecodable } from './decode.ts';
import type { GetResponse } from './http-get.ts';

const maxCodings = 2;

interface Announced {
  /** Absent too when the body is compressed. */
  readonly size: number | undefined;
  /** In the order they were applied. */
  readonly codings: readonly string[];
}

/** Some hosts compress whatever they send, though we do not ask for it. */
export function checkAnswer({ status, values }: GetResponse, maxBytes: number): Announced {
  if (status !== 200) {
    throw failed(`The url answers with status ${status}.`, status);
  }
  const codings = listed(values('content-encoding'));
  const known = codings.length <= maxCodings && codings.every(isDecodable);
  if (!known || listed(values('transfer-encoding')).some((coding) => coding !== 'chunked')) {
    throw failed(
      'The url answers with a body in a Content-Encoding that is not known here.',
      status,
    );
  }
  const [length = ''] = values('content-length');
  const size = /^\d+$/.test(length) ? Number(length) : undefined;
  if (size !== undefined && size > maxBytes) {
    throw fail('too_large', { details: { maxBytes } });
  }
  return { size: codings.length === 0 ? size : undefined, codings };
}

function listed(values: readonly string[]): readonly string[] {
  return values
    .flatMap((value) => value.toLowerCase().split(','))
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity');
}

interface Body {
  readonly codings: readonly string[];
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** Decompressed. The limit holds for the bytes sent and for the result of every step. */
export async function* bodyOf(
  response: GetResponse,
  { codings, maxBytes, signal }: Body,
): AsyncGenerator<Uint8Array> {
  const sent: ByteSource = tap(response.body, { maxBytes });
  try {
    yield* codings.reduceRight(
      (source, coding) => tap(decoded(source, coding), { maxBytes }),
      sent,
    );
  } catch (error) {
    throw fetchError(error, signal, response.status);
  }
}

/** What the caller learns of a failed connection: nothing that the remote sent. */
export function fetchError(
  error: unknown,
  signal: AbortSignal,
  status: number | null = null,
): unknown {
  if (signal.aborted) {
    return signal.reason;
  }
  if (isStowageError(error)) {
    return error;
  }
  const message =
    status === null
      ? 'The url could not be reached.'
      : 'The connection closed before the whole file arrived.';
  return fail('fetch_failed', { message, details: { upstreamStatus: status }, cause: error });
}

export function failed(message: string, status: number): StowageError {
  return fail('fetch_failed', { message, details: { upstreamStatus: status } });
}
