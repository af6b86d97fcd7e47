import type { IncomingMessage } from 'node:http';
import { fail, isStowageError } from '../../core/errors.ts';
import { readAll } from '../../core/streams/peek.ts';
import { tap } from '../../core/streams/tap.ts';
import { type Failure, failed } from '../failure.ts';
import { holdText } from './held-text.ts';
import { bodyOf, silentFor } from './request-body.ts';
import { encodedBody } from './whole-body.ts';

const defaultMaxBytes = 256 * 1024;
const idleMs = 30_000;
/**
 * No request needs more than three levels. Recursive walks through a value must not overflow the
 * stack.
 */
const maxDepth = 100;

const notAnObject = {
  code: 'validation_error',
  as: 'object',
  message: 'The request body must be a JSON object.',
} as const;

/** Failures of a route that reads a JSON object with the usual limit. */
export const jsonFailures: readonly Failure[] = jsonFailuresUpTo(defaultMaxBytes);

export function jsonFailuresUpTo(maxBytes: number): readonly Failure[] {
  return [
    'invalid_json',
    notAnObject,
    tooLargeJson(maxBytes),
    encodedBody('gzip'),
    'incomplete_body',
    silentFor(idleMs),
  ];
}

function tooLargeJson(maxBytes: number) {
  const message = `The JSON body is larger than ${Math.round(maxBytes / 1024)} KiB.`;
  return { code: 'too_large', as: 'json', message, details: { maxBytes } } as const;
}

export interface JsonLimits {
  /** Default 256 KiB. */
  readonly maxBytes?: number;
}

/**
 * Reads a JSON body, whatever its declared type. Undefined when it is empty. Throws `invalid_json`,
 * `too_large`, and what `holdText` throws.
 */
async function readJson(
  request: IncomingMessage,
  { maxBytes = defaultMaxBytes }: JsonLimits,
): Promise<unknown> {
  const held = holdText(request);
  const body = tap(bodyOf(request, { maxBytes, idleMs }), {
    onChunk: (chunk) => held.add(chunk.length),
  });
  const bytes = await readAll(body).catch((error: unknown) => {
    if (!isStowageError(error, 'too_large')) {
      throw error;
    }
    throw failed(tooLargeJson(maxBytes));
  });
  if (bytes.length === 0) {
    return undefined;
  }
  const value = parse(bytes, request);
  if (!isWithin(value, maxDepth)) {
    throw fail('invalid_json', { message: `The JSON body has more than ${maxDepth} levels.` });
  }
  return value;
}

function parse(bytes: Buffer, request: IncomingMessage): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    const isForm = /^multipart\//i.test(request.headers['content-type'] ?? '');
    throw fail('invalid_json', {
      cause,
      message: isForm ? 'Request body is not valid JSON but a form: send JSON here.' : undefined,
    });
  }
}

function isWithin(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) {
    return true;
  }
  return levels > 0 && Object.values(value).every((member) => isWithin(member, levels - 1));
}

/** As `readJsonObject`; an empty body is an empty object. */
export async function readOptionalJsonObject(
  request: IncomingMessage,
): Promise<Readonly<Record<string, unknown>>> {
  return asObject((await readJson(request, {})) ?? {});
}

/**
 * Reads a JSON object, in which keys such as `__proto__` are plain keys. Throws `validation_error`
 * for any other JSON.
 */
export async function readJsonObject(
  request: IncomingMessage,
  limits: JsonLimits = {},
): Promise<Readonly<Record<string, unknown>>> {
  return asObject(await readJson(request, limits));
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw failed(notAnObject);
  }
  return value as Readonly<Record<string, unknown>>;
}
