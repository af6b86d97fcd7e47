import { type OldFailure as Failure, joined, manageFailures } from '../failures.ts';
import type { Answers } from '../operation.ts';
import { manageError } from '../schemas/manage.ts';

const always: readonly Failure[] = [
  'unauthorized',
  { code: 'insufficient_scope', details: { required: 'manage' } },
  { code: 'rate_limit_exceeded', message: 'Too many wrong credentials. Try again later.', retryAfterMs: 900_000 },
  'internal_error',
  'service_unavailable',
];
/** Responses of an operation of management: its own, and those of every such call. */
export function manageAnswers(success: Answers, failures: readonly Failure[] = []): Answers {
  return joined(success, manageFailures([...always, ...failures]));
}

/** A 400 of its own shape, which names the fields. */
export function missing(name: string, error: string, fields: string): Answers {
  const value = { error, message: `Missing: ${fields}` };
  const content = { 'application/json': { schema: manageError, examples: { [name]: { summary: value.message, value } } } };
  return { 400: { description: 'The request is not valid.', content } };
}
