import { z } from 'zod';
import type { StowageError } from '../../core/errors.ts';
import { type Attempt, ChannelsFailed } from '../../core/storage/intake.ts';
import type { Dialect, ErrorResponse } from '../dialect.ts';
import { named } from '../openapi/named.ts';
import { channelFailure, channelTexts } from './channel-texts.ts';

export const channelsPath = '/api/channels';

/** The few refusals that are JSON. */
export const cleanupRefusal = named('CleanupRefusal', () =>
  z
    .strictObject({ error: z.string(), uploadId: z.string().optional() })
    .meta({ title: 'Why nothing was dropped' }),
);

const refusals = {
  unauthorized: 'no upload code or token, or an unknown or expired one',
  insufficient_scope: 'the token lacks the permission "upload"',
} as const;

/** Errors of the Upload API are text that begins with `Error: `; 401 is one word. */
export const uploadDialect: Dialect = {
  render(error, { route }) {
    if (isRefusal(error)) {
      return { status: 401, body: route === channelsPath ? { error: unauthorized } : unauthorized };
    }
    if (error.code === 'method_not_allowed' && route === channelsPath) {
      return { body: 'Method Not Allowed' };
    }
    if (error instanceof ChannelsFailed) {
      return describeAttempts(error.attempts);
    }
    return { body: `Error: ${error.message}` };
  },
  trace(error, { requestId, route }, log) {
    // Some tools show no answer but the link in it: then this is the only trace.
    if (isRefusal(error) && route !== channelsPath) {
      log.warn({ requestId, reason: refusals[error.code] }, 'Upload refused');
    }
  },
  schema: cleanupRefusal,
};

// Upload API 1.3: missing permissions read the same as missing credentials.
const unauthorized = 'Unauthorized';

function isRefusal(
  error: StowageError,
): error is StowageError & { readonly code: keyof typeof refusals } {
  return error.code === 'unauthorized' || error.code === 'insufficient_scope';
}

/** No disk, no descriptors: it is this machine that has nothing left to give. */
function isOwnTrouble({ candidate, error }: Attempt): boolean {
  return (
    error.code === 'disk_full' ||
    (error.code === 'service_unavailable' && candidate.channel?.channel.remote === false)
  );
}

function describeAttempts(attempts: readonly Attempt[]): ErrorResponse {
  const configured = attempts.filter(({ candidate }) => candidate.channel !== undefined);
  const isOurs = configured.length > 0 && configured.every(isOwnTrouble);
  const [decisive] = isOurs ? configured : attempts;
  if (decisive !== undefined && (isOurs || attempts.length === 1)) {
    const { status, text } = describe(decisive);
    return { status, body: text };
  }
  // Upload API 1.8: a JSON object, sent as text.
  return { status: 500, body: JSON.stringify(allFailed(attempts)) };
}

function describe({ candidate, error }: Attempt): {
  readonly status: number;
  readonly text: string;
} {
  if (isOwnTrouble({ candidate, error })) {
    return { status: error.status, text: `Error: ${error.message}` };
  }
  return channelFailure(candidate.group, candidate.channel !== undefined, error);
}

function allFailed(attempts: readonly Attempt[]): Readonly<Record<string, string>> {
  const answer: Record<string, string> = Object.create(null);
  for (const attempt of attempts) {
    const { group, channel } = attempt.candidate;
    const { label } = channelTexts(group);
    const { text } = describe(attempt);
    if (
      channel !== undefined &&
      channel === attempts[0]?.candidate.channel &&
      answer[label] !== undefined
    ) {
      answer[`${label}_retry`] = `Error: ${label} retry - ${text}`;
    }
    // Ours: a second channel of a group.
    else {
      answer[answer[label] === undefined ? label : `${label}/${channel?.name}`] =
        `Error: ${label}${text}`;
    }
  }
  return { ...answer };
}
