import type { z } from 'zod';
import { fail, type StowageError } from '../../core/errors.ts';

/** What is wrong with one field of a request, as callers read it. */
export interface Problem {
  readonly field: string;
  readonly message: string;
  readonly code: string;
}

export function problemsOf({ issues }: z.ZodError): readonly Problem[] {
  return issues.map(({ path, message, code }) => ({ field: String(path[0] ?? ''), message, code }));
}

/** `validation_error` in this sentence, with `details` about the problems and `more`. */
export function invalidRequest(
  message: string | undefined,
  problems: readonly Problem[],
  more: Readonly<Record<string, unknown>> = {},
): StowageError {
  return fail('validation_error', {
    message,
    details: { field: problems[0]?.field, ...more, validationErrors: problems },
  });
}
