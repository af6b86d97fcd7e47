import { z } from 'zod';
import type { Json } from '../../../core/bytes.ts';
import { fail, isStowageError } from '../../../core/errors.ts';
import { authenticateUpload, tooManyGuesses } from '../../authenticate.ts';
import { readJsonObject } from '../../body/json-body.ts';
import type { HttpDeps } from '../../deps.ts';
import { failed } from '../../failure.ts';
import { named } from '../../openapi/named.ts';
import { queryOf } from '../../query.ts';
import { requestSignal } from '../../request-signal.ts';
import { type Context, json, route } from '../../route.ts';
import { refuseBlocked } from '../refuse-blocked.ts';
import { directDialect, directFailures, exampleDirect } from './wire.ts';

const directParts = named('DirectParts', () =>
  z.object({
    oid: z.string().meta({ description: 'As returned by `getUploadUrl`.' }),
    parts: z
      .array(
        z.object({
          partNumber: z.int().min(1),
          etag: z.string().meta({ description: 'ETag from the response to the PUT of the part.' }),
        }),
      )
      .min(1),
  }),
);

const directPartsAnswer = named('DirectPartsAnswer', () =>
  z.unknown().meta({ description: 'The response of Hugging Face.' }),
);

const exampleParts = {
  oid: exampleDirect.sha256,
  parts: [
    { partNumber: 1, etag: '"abc123"' },
    { partNumber: 2, etag: '"def456"' },
  ],
};

const wrongTarget = {
  code: 'bad_request',
  as: 'target',
  message: 'Invalid multipart completion target',
} as const;
const wrongParts = {
  code: 'bad_request',
  as: 'parts',
  message: 'Invalid multipart parts',
} as const;

/**
 * Upload API 3.3: passes the list of parts on to the hub. The signature in the address, made in
 * step 1, is enough.
 */
export const completeMultipart = route({
  id: 'completeHuggingFaceMultipart',
  method: 'POST',
  path: '/upload/huggingface/completeMultipart',
  permission: 'signed',
  tag: 'Hugging Face',
  summary: 'Finish an upload in parts',
  description:
    'Browsers cannot call Hugging Face here, so this passes the list of parts on. The address comes whole from `uploadAction.href`; its signature is the credential. Without a valid signature the usual credentials are required.',
  request: {
    query: () =>
      z.object({
        target: z.url().meta({ description: 'Filled in by the server in `uploadAction.href`.' }),
        channelName: z.string().meta({ description: 'Filled in by the server.' }),
        sig: z.string().meta({ description: 'Filled in by the server; replaces the credentials.' }),
      }),
    body: { required: true, content: json(directParts, { two: { value: exampleParts } }) },
  },
  answers: {
    200: {
      description: 'The parts are joined.',
      headers: ['X-Request-Id'],
      content: json(directPartsAnswer),
    },
  },
  failures: [tooManyGuesses, ...directFailures, wrongTarget, wrongParts],
  dialect: directDialect,
  async handler(context) {
    const { request, reply, deps } = context;
    const { target, channelName } = await verified(context);
    await refuseBlocked(context);
    const body = readCompletion(await readJsonObject(request.raw));
    const signal = requestSignal(request.raw);
    return reply.send(await deps.direct.completeMultipart({ channelName, target, body, signal }));
  },
});

/**
 * Without the signature credentials are asked for; but the target could be any address, and what we
 * did not issue is not called.
 */
async function verified({ request, deps }: Context): Promise<Signed> {
  const { target, channelName, sig } = queryOf(request.url);
  if (target && channelName && sig && isValid({ target, channelName, sig }, deps)) {
    return { target, channelName, sig };
  }
  await authenticateUpload(request, { permission: 'upload' }, deps);
  throw target ? failed(wrongTarget) : fail('bad_request', { message: 'Missing target URL' });
}

interface Signed {
  readonly target: string;
  readonly channelName: string;
  readonly sig: string;
}

/** A signature that is wrong in any way counts as none: then credentials are asked for. */
function isValid({ target, channelName, sig }: Signed, { signer, direct, now }: HttpDeps): boolean {
  try {
    const claims = signer.verify(sig, 'hf-complete');
    return claims.id === `${direct.channelId(channelName)} ${target}` && claims.expiresAt > now();
  } catch (error) {
    if (isStowageError(error, 'invalid_signature') || isStowageError(error, 'not_found')) {
      return false;
    }
    throw error;
  }
}

function readCompletion(body: Readonly<Record<string, unknown>>): Json {
  const { oid, parts } = body;
  if (typeof oid !== 'string' || !Array.isArray(parts)) {
    throw fail('bad_request', { message: 'Invalid multipart completion payload' });
  }
  const valid = parts.every(
    (part) => Number.isSafeInteger(part?.partNumber) && typeof part?.etag === 'string',
  );
  if (!valid || parts.length === 0) {
    throw failed(wrongParts);
  }
  return { oid, parts: parts.map(({ partNumber, etag }) => ({ partNumber, etag })) };
}
