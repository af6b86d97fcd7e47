import { type OldFailure as Failure, joined, mediaFailures } from '../failures.ts';
import type { HeaderName } from '../headers.ts';
import type { Answers } from '../operation.ts';

/** On every response to a known token. */
export const rateHeaders = [
  'X-Request-Id',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
] as const satisfies readonly HeaderName[];

/** Responses to any call with a token. */
const always: readonly Failure[] = [
  'unauthorized',
  'rate_limit_exceeded',
  { code: 'rate_limit_exceeded', as: 'guessing', message: 'Too many wrong credentials. Try again later.', retryAfterMs: 900_000 },
  'internal_error',
  'service_unavailable',
];
export const mayUpload: Failure = { code: 'insufficient_scope', details: { required: 'upload' } };
/** Of calls that need room in a storage channel. */
export const noRoom: Failure = { code: 'storage_quota_exceeded', details: { used: 4_900_000_000, limit: 5_000_000_000 } };
export const unknownMedia: Failure = { code: 'not_found', message: 'Media not found.' };

/** Of calls with a JSON body and an Idempotency-Key. */
export const jsonFailures: readonly Failure[] = [
  { code: 'too_large', message: 'The JSON body is larger than 256 KiB.', details: { maxBytes: 262_144 } },
  {
    code: 'unsupported_media_type',
    message: 'The body has the Content-Encoding "gzip". Send it as it is, without Content-Encoding.',
  },
  'invalid_json',
  'incomplete_body',
  { code: 'client_closed', status: 408, message: 'No data arrived for 30 seconds.' },
  'idempotency_in_flight',
  'idempotency_key_conflict',
];

/** Any other status comes in the same envelope. */
export const otherFailures: Answers = {
  default: {
    description:
      'Anything else that may go wrong, always in this envelope: also unknown addresses, wrong methods and requests that are hardly HTTP.',
    content: failuresOf([
      'method_not_allowed',
      { code: 'not_found', message: 'No route for GET /api/v1/nosuch. The API is described at /docs.' },
      'bad_request',
    ]),
  },
};

function failuresOf(failures: readonly Failure[]) {
  const answers = Object.values(mediaFailures(failures));
  return joined(...answers.map((answer) => ({ all: answer }))).all?.content ?? {};
}

/** Responses of an operation that needs a token: its own, and those of every such call. */
export function mediaAnswers(success: Answers, failures: readonly Failure[]): Answers {
  return joined(success, mediaFailures([...always, ...failures]), otherFailures);
}
