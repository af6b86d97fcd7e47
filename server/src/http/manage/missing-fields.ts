import type { FastifyReply } from 'fastify';
import { json, type RouteAnswer } from '../route.ts';
import { manageError } from './errors.ts';

export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

export function sendMissingFields(
  reply: FastifyReply,
  given: Readonly<Record<string, boolean>>,
): FastifyReply {
  const missing = Object.entries(given).flatMap(([name, isThere]) => (isThere ? [] : [name]));
  return reply.code(400).send(bodyFor(missing.join(', ')));
}

/** The same, for the document. */
export function missingFields(names: string): RouteAnswer {
  const value = bodyFor(names);
  return {
    description: 'The request is not valid.',
    content: json(manageError, { missing: { summary: value.message, value } }),
  };
}

/**
 * Upload API 4.6: the sentence is part of the wire format. Stowage adds `message`, which names the
 * missing fields.
 */
function bodyFor(names: string) {
  return { error: '缺少必要参数', message: `Missing: ${names}` };
}
