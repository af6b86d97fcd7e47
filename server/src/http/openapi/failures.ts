import { type ErrorCode, type ErrorDetails, fail, type StowageError } from '../../core/errors.ts';
import type { Dialect } from '../dialect.ts';
import { type Failure, failed } from '../failure.ts';
import type { Example } from '../route.ts';
import { retryAfterSeconds } from '../to-error.ts';
import type { HeaderName } from './headers.ts';
import type { Answer, Answers, Content } from './operation.ts';
import { text as oldText } from './schemas/common.ts';
import { directError } from './schemas/direct.ts';
import { text } from './shared-schemas.ts';

/** A code alone, or with what differs in this place. `as` names one of several failures with the same code. */
export type OldFailure = ErrorCode | (ErrorDetails & { readonly code: ErrorCode; readonly as?: string });

interface Said {
  readonly status: number;
  readonly name: string;
  readonly mediaType: string;
  readonly content: Content;
  readonly headers: readonly HeaderName[];
}

/** Failures as a dialect renders them, one example per code; `path` is that of the route. */
export function shownIn(dialect: Dialect, failures: readonly Failure[], path?: string): Answers {
  return gather(
    failures.map((failure) => {
      const error = failed(failure, typeof failure === 'string' ? usual[failure] : {});
      const as = typeof failure === 'string' ? undefined : failure.as;
      const { status = error.status, body } = dialect.say(error, { ...facts, route: path });
      const isText = typeof body === 'string';
      return said({
        error,
        status,
        name: as === undefined ? error.code : `${error.code}.${as}`,
        mediaType: isText ? 'text/plain' : 'application/json',
        schema: isText ? text() : (dialect.schema ?? unnamed)(),
        value: body,
      });
    }),
  );
}

const facts = { requestId: 'a1b2c3d4', at: Date.parse('2026-04-10T12:00:00.000Z'), headers: {} };

function unnamed(): never {
  throw new TypeError('A dialect that says JSON needs a schema for it.');
}

/** Failures as the Upload API and `/file` say them: `Error: ` and a sentence; 401 is one word. */
export function textFailures(failures: readonly OldFailure[]): Answers {
  return gather(
    failures.map((failure) => {
      const { error, name } = thrown(failure);
      const value = error.status === 401 ? 'Unauthorized' : bare.test(error.message) ? error.message : `Error: ${error.message}`;
      return said({ error, name, mediaType: 'text/plain', schema: oldText, value });
    }),
  );
}

// Texts of channel groups that clients know as they are (upload/channel-texts.ts).
const bare = /^(Error: |upload error, |\{)/;

/** Failures as the Hugging Face routes say them. */
export function directFailures(failures: readonly OldFailure[]): Answers {
  return gather(
    failures.map((failure) => {
      const { error, name } = thrown(failure);
      return said({ error, name, mediaType: 'application/json', schema: directError, value: { error: error.message } });
    }),
  );
}

/** Several sets of responses as one; those with the same status are joined. */
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

function thrown(failure: OldFailure) {
  const { code, as, ...details } = typeof failure === 'string' ? { code: failure } : { as: undefined, ...failure };
  const error = fail(code, { ...usual[code], ...details });
  return { error, name: as === undefined ? code : `${code}.${as}` };
}

/** Waits that always come with these. */
const usual: Partial<Record<ErrorCode, ErrorDetails>> = {
  rate_limit_exceeded: { message: 'Rate limit exceeded. Retry after 32 seconds.', retryAfterMs: 32_000 },
  idempotency_in_flight: { retryAfterMs: 1000 },
};

interface Saying {
  readonly error: StowageError;
  readonly status?: number;
  readonly name: string;
  readonly mediaType: string;
  readonly schema: Content['schema'];
  readonly value: unknown;
}

function said({ error, status = error.status, name, mediaType, schema, value }: Saying): Said {
  const example: Example = { summary: error.message, value };
  return {
    status,
    name,
    mediaType,
    content: { schema, examples: { [name]: example } },
    headers: [
      ...(retryAfterSeconds(error) === undefined ? [] : (['Retry-After'] as const)),
      ...(status === 401 ? (['WWW-Authenticate'] as const) : []),
    ],
  };
}

function gather(all: readonly Said[]): Answers {
  return joined(
    ...all.map(({ status, mediaType, content, headers }) => ({
      [status]: { description: meanings[status] ?? 'Failed.', headers, content: { [mediaType]: content } },
    })),
  );
}

function join(one: Answer, other: Answer): Answer {
  const content: Record<string, Content> = { ...one.content };
  for (const [mediaType, { schema, examples }] of Object.entries(other.content ?? {})) {
    content[mediaType] = { schema, examples: { ...content[mediaType]?.examples, ...examples } };
  }
  return { ...one, headers: [...new Set([...(one.headers ?? []), ...(other.headers ?? [])])], content };
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
