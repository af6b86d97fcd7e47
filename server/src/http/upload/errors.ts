import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Attempt, ChannelsFailed } from '../../core/intake.ts';
import type { HttpDeps } from '../deps.ts';
import { isFault, retryAfterSeconds, toError } from '../to-error.ts';
import { channelFailure, channelTexts } from './channel-texts.ts';

const refusals = {
  unauthorized: 'no upload code or token, or an unknown or expired one',
  insufficient_scope: 'the token lacks the permission "upload"',
} as const;

/** Errors of the Upload API are text that begins with `Error: `; 401 is one word. */
export function uploadErrorHandler({ log }: Pick<HttpDeps, 'log'>) {
  return (thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const error = toError(thrown);
    const seconds = retryAfterSeconds(error);
    if (seconds !== undefined) reply.header('retry-after', seconds);
    if (isFault(error)) log.error({ requestId: request.id, err: error.cause ?? error, code: error.code }, 'Upload failed');
    if (error.code === 'unauthorized' || error.code === 'insufficient_scope') {
      // Some tools show no answer but the link in it: then this is the only trace.
      log.warn({ requestId: request.id, reason: refusals[error.code] }, 'Upload refused');
      return refuse(reply);
    }
    if (error.code === 'method_not_allowed' && request.routeOptions.url === '/api/channels')
      return sayText(reply, error.status, 'Method Not Allowed');
    if (error instanceof ChannelsFailed) return sayChannels(reply, error.attempts);
    return sayText(reply, error.status, `Error: ${error.message}`);
  };
}

export function sayText(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).header('cache-control', 'no-store').type('text/plain;charset=UTF-8').send(text);
}

// Upload API 1.3: missing permissions read the same as missing credentials.
function refuse(reply: FastifyReply): FastifyReply {
  reply.header('www-authenticate', 'Bearer');
  return sayText(reply, 401, 'Unauthorized');
}

/** No disk, no descriptors: it is this machine that has nothing left to give. */
function isOwnTrouble({ candidate, error }: Attempt): boolean {
  return error.code === 'disk_full' || (error.code === 'service_unavailable' && candidate.channel?.channel.remote === false);
}

function sayChannels(reply: FastifyReply, attempts: readonly Attempt[]): FastifyReply {
  const configured = attempts.filter(({ candidate }) => candidate.channel !== undefined);
  const isOurs = configured.length > 0 && configured.every(isOwnTrouble);
  const [decisive] = isOurs ? configured : attempts;
  if (decisive !== undefined && (isOurs || attempts.length === 1)) {
    const { status, text } = describe(decisive);
    return sayText(reply, status, text);
  }
  // Upload API 1.8: a JSON object, sent as text.
  return sayText(reply, 500, JSON.stringify(allFailed(attempts)));
}

function describe({ candidate, error }: Attempt): { readonly status: number; readonly text: string } {
  if (isOwnTrouble({ candidate, error })) return { status: error.status, text: `Error: ${error.message}` };
  return channelFailure(candidate.group, candidate.channel !== undefined, error);
}

function allFailed(attempts: readonly Attempt[]): Readonly<Record<string, string>> {
  const answer: Record<string, string> = Object.create(null);
  for (const attempt of attempts) {
    const { group, channel } = attempt.candidate;
    const { label } = channelTexts(group);
    const { text } = describe(attempt);
    if (channel !== undefined && channel === attempts[0]?.candidate.channel && answer[label] !== undefined)
      answer[`${label}_retry`] = `Error: ${label} retry - ${text}`;
    // Ours: a second channel of a group.
    else answer[answer[label] === undefined ? label : `${label}/${channel?.name}`] = `Error: ${label}${text}`;
  }
  return { ...answer };
}
