import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { toJson } from '../../core/bytes.ts';
import { dayMs, minuteMs } from '../../core/clock.ts';
import { fail } from '../../core/errors.ts';
import type { Failure } from '../failure.ts';
import type { CallerContext } from '../route.ts';
import { type Envelope, envelope } from './envelope.ts';

export const idempotencyHeader = () =>
  z.object({
    'Idempotency-Key': z.string().max(255).optional().meta({
      description:
        'For a day, the same key with the same body returns the same response, so a repeated request creates nothing twice.',
    }),
  });

export const idempotencyFailures: readonly Failure[] = [
  'idempotency_in_flight',
  'idempotency_key_conflict',
];

interface Work extends CallerContext {
  readonly body: Readonly<Record<string, unknown>>;
}

interface Answer {
  readonly status: number;
  readonly data: object;
  /** When the answer becomes useless; absent: not within a day. */
  readonly expiresAt?: number | undefined;
}

/**
 * Media API 8.2: the same `Idempotency-Key` with the same request gets the same answer for a day,
 * or until that answer expires. Without the header nothing is kept.
 */
export async function idempotent(
  context: Work,
  work: () => Promise<Answer>,
  wrap: (data: object) => Envelope = (data) => envelope(data, context),
): Promise<FastifyReply> {
  const { reply, request, caller, deps, body } = context;
  const key = readKey(request);
  if (key === undefined) {
    const answer = await work();
    return reply.code(answer.status).send(wrap(answer.data));
  }
  const { idempotency } = deps.metadata;
  const requestHash = createHash('sha256')
    .update(`${routeOf(request)}\n${JSON.stringify(body, inOrder)}`)
    .digest('hex');
  const known = await idempotency.begin({
    owner: caller.owner,
    key,
    requestHash,
    now: deps.now(),
    claimMs: minuteMs,
    expiresAt: deps.now() + dayMs,
  });
  if (known.state !== 'claimed' && known.requestHash !== requestHash) {
    throw fail('idempotency_key_conflict');
  }
  if (known.state === 'in_flight') {
    throw fail('idempotency_in_flight', { retryAfterMs: 1000 });
  }
  if (known.state === 'done') {
    const answer = known.response as unknown as Answer;
    return reply.code(answer.status).header('idempotency-replayed', 'true').send(wrap(answer.data));
  }
  try {
    const answer = await work();
    const { status, data, expiresAt = deps.now() + dayMs } = answer;
    await idempotency.finish(
      caller.owner,
      key,
      toJson({ status, data }),
      Math.min(expiresAt, deps.now() + dayMs),
    );
    return reply.code(answer.status).send(wrap(answer.data));
  } catch (error) {
    await idempotency.release(caller.owner, key);
    throw error;
  }
}

/** The same route under any of its bases. */
function routeOf(request: FastifyRequest): string {
  return `${request.method} ${request.url.split('?')[0]?.replace(/^(?:(?:\/api)?\/v1)+|\/+$/g, '')}`;
}

/** Members of objects have no order. */
function inOrder(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return value;
  }
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}

function readKey(request: FastifyRequest): string | undefined {
  const header = request.headers['idempotency-key'];
  const key = Array.isArray(header) ? header[0] : header;
  if (key === undefined || key === '') {
    return undefined;
  }
  if (key.length > 255) {
    throw fail('validation_error', { message: 'Idempotency-Key can have 255 characters at most.' });
  }
  return key;
}
