import type { ErrorCode, ErrorDetails, StowageError } from '../../core/errors.ts';
import type { Dialect } from '../dialect.ts';
import { type Failure, failed } from '../failure.ts';
import { retryAfterSeconds } from '../to-error.ts';
import type { HeaderName } from './headers.ts';
import type { Answer, Answers, Content } from './operation.ts';
import { text } from './shared-schemas.ts';

/** Failures as a dialect renders them, one example per code; `path` is that of the route. */
export function shownIn(dialect: Dialect, failures: readonly Failure[], path?: string): Answers {
  return joined(...failures.map((failure) => shown(failure, dialect, path)));
}

function shown(failure: Failure, dialect: Dialect, path: string | undefined): Answers {
  const error = failed(failure, typeof failure === 'string' ? usual[failure] : {});
  const { status = error.status, body } = dialect.render(error, { ...facts, route: path });
  const isText = typeof body === 'string';
  const isOwnText = isText && typeof failure === 'object' && 'error' in failure;
  const content: Content = {
    schema: isText ? text() : (dialect.schema ?? unnamed)(),
    examples: {
      [nameOf(failure, error)]: { summary: isOwnText ? body : error.message, value: body },
    },
  };
  return {
    [status]: {
      description: meanings[status] ?? 'Failed.',
      headers: headersOf(error, status),
      content: { [isText ? 'text/plain' : 'application/json']: content },
    },
  };
}

const facts = { requestId: 'a1b2c3d4', at: Date.parse('2026-04-10T12:00:00.000Z'), headers: {} };

function unnamed(): never {
  throw new TypeError('A dialect that renders JSON needs a schema for it.');
}

function nameOf(failure: Failure, { code }: StowageError): string {
  return typeof failure === 'string' || failure.as === undefined ? code : `${code}.${failure.as}`;
}

function headersOf(error: StowageError, status: number): readonly HeaderName[] {
  const names: HeaderName[] = [];
  if (retryAfterSeconds(error) !== undefined) {
    names.push('Retry-After');
  }
  if (status === 401) {
    names.push('WWW-Authenticate');
  }
  return names;
}

/** Waits that always accompany these codes. */
const usual: Partial<Record<ErrorCode, ErrorDetails>> = {
  rate_limit_exceeded: {
    message: 'Rate limit exceeded. Retry after 32 seconds.',
    retryAfterMs: 32_000,
  },
  idempotency_in_flight: { retryAfterMs: 1000 },
};

/** Several sets of responses as one. Those with the same status are merged. */
export function joined(...sets: readonly Answers[]): Answers {
  const all: Record<string, Answer> = {};
  for (const set of sets) {
    for (const [status, answer] of Object.entries(set)) {
      const known = all[status];
      all[status] = known === undefined ? answer : join(known, answer);
    }
  }
  return all;
}

function join(one: Answer, other: Answer): Answer {
  const content: Record<string, Content> = { ...one.content };
  for (const [mediaType, { schema, examples }] of Object.entries(other.content ?? {})) {
    content[mediaType] = { schema, examples: { ...content[mediaType]?.examples, ...examples } };
  }
  return {
    ...one,
    headers: [...new Set([...(one.headers ?? []), ...(other.headers ?? [])])],
    content,
  };
}

const meanings: Readonly<Record<number, string>> = {
  400: 'The request is not valid.',
  401: 'No valid credentials.',
  403: 'Not allowed.',
  404: 'Not found.',
  408: 'The body stopped arriving.',
  409: 'The state of the resource does not allow this.',
  410: 'Expired.',
  413: 'Too large.',
  415: 'Unsupported type.',
  416: 'The range lies outside the file.',
  422: 'The content is not acceptable.',
  429: 'Too many requests. Wait for the time in Retry-After.',
  500: 'Something failed on our side. Retrying later may work.',
  502: 'The storage backend failed.',
  503: 'Temporarily unavailable. Wait for the time in Retry-After.',
  504: 'Another server was too slow.',
  507: 'No space left.',
};
