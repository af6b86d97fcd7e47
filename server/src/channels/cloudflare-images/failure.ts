import { z } from 'zod';
import { type ErrorCode, fail, type StowageError } from '../../core/errors.ts';
import type { HttpResponse } from '../../outbound/http-client.ts';
import type { Redact } from '../../outbound/redact.ts';
import { failForStatus, retryAfterMs } from '../shared/status.ts';

export const service = 'Cloudflare Images';

/** What every answer of the API is wrapped in. */
export interface Envelope {
  readonly success: boolean;
  readonly result?: unknown;
  readonly errors: readonly { readonly code: number; readonly message: string }[];
}

const envelopeSchema = z.looseObject({
  success: z.boolean(),
  result: z.unknown(),
  errors: z
    .array(z.looseObject({ code: z.number().catch(0), message: z.string().catch('') }))
    .nullish()
    .transform((errors) => errors ?? []),
});

/** The codes whose meaning the HTTP status does not tell. */
const codes: Readonly<Record<number, ErrorCode>> = {
  5403: 'channel_unauthorized',
  5404: 'not_found',
  5408: 'channel_unavailable', // sent too slowly
  5413: 'too_large',
  5415: 'channel_refused', // raw body instead of a form
  5433: 'channel_unavailable', // aborted by the client
  5450: 'channel_unavailable', // error while receiving
  5453: 'channel_full',
  5455: 'channel_refused', // format
  9109: 'channel_unauthorized',
  10000: 'channel_unauthorized',
  10001: 'channel_unauthorized',
};

export function parseEnvelope(text: string): Envelope | undefined {
  try {
    return envelopeSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** The error for an answer whose body has been read. */
export function failureOf(
  redact: Redact,
  response: Pick<HttpResponse, 'status' | 'header'>,
  text: string,
): StowageError {
  const errors = parseEnvelope(text)?.errors ?? [];
  const words = redact(
    errors.length > 0
      ? errors.map(({ code, message }) => `${code} ${message}`).join('; ')
      : plainText(text),
  );
  const waitMs = retryAfterMs(response.header('retry-after'), Date.now());
  const byStatus = failForStatus({ service, status: response.status, words, retryAfterMs: waitMs });
  if (response.status === 429 || response.status >= 500) {
    return byStatus;
  }
  // An id that exists: an earlier attempt, of which only the answer was lost.
  if (response.status === 409) {
    return fail('channel_unavailable', { message: byStatus.message, answered: true });
  }
  const code = errors.map((error) => codes[error.code]).find((known) => known !== undefined);
  if (code === undefined) {
    return response.status < 300
      ? fail('channel_unavailable', { message: byStatus.message })
      : byStatus;
  }
  return fail(code, { message: byStatus.message });
}

function plainText(page: string): string {
  const text = page.replaceAll(/<(style|script|head)\b[\s\S]*?<\/\1>|<[^>]*>/gi, ' ');
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, 300);
}
