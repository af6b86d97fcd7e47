import type { FastifyReply, FastifyRequest } from 'fastify';
import { fail } from '../../core/errors.ts';
import { testChannelSteps } from '../../core/test-channel.ts';
import { authenticateToken } from '../authenticate.ts';
import type { HttpDeps } from '../deps.ts';

/** Ours: stores, reads, and deletes a small object on a channel (by id or name) and reports how each step went. */
export async function testChannel(request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): Promise<FastifyReply> {
  await authenticateToken(request.raw, 'manage', deps);
  const { id } = request.params as { id: string };
  const channel = deps.pool.all().find((candidate) => candidate.id === id || candidate.name === id);
  if (channel === undefined) throw fail('not_found', { message: 'No such channel.' });
  const steps = await testChannelSteps(channel.channel, AbortSignal.timeout(120_000));
  return reply.send({
    success: steps.every((step) => step.ok),
    channel: { id: channel.id, type: channel.type, name: channel.name },
    steps,
  });
}
