import { z } from 'zod';
import { fail } from '../../core/errors.ts';
import { bodyOf } from '../body/request-body.ts';
import { refuseEncoded, requireLength } from '../body/whole-body.ts';
import { directPurpose } from '../direct-url.ts';
import { bytes, text } from '../openapi/shared-schemas.ts';
import { route } from '../route.ts';
import { readClaims, signature } from './read-claims.ts';

/**
 * Upload API 3.3: step 2 of a direct upload whose bytes the store has already. The server
 * compares them, so that a hash alone opens nothing.
 */
export const receiveDirect = route({
  id: 'putDirectUpload',
  method: 'PUT',
  path: '/relay/direct/:id',
  permission: 'signed',
  tag: 'Upload URL',
  summary: 'Send the bytes of a direct upload here',
  description:
    'Step 2 of a Hugging Face upload whose bytes are already in the repository because of another caller. `uploadAction.href` then leads here: a hash alone gives no right to a file. The server compares the bytes and does not keep them; commit afterwards.',
  request: {
    params: () =>
      z.object({ id: z.string().meta({ description: 'Part of `uploadAction.href`.' }) }),
    query: signature,
    body: { required: true, content: { 'application/octet-stream': { schema: bytes } } },
  },
  answers: {
    200: {
      description: 'These are the bytes.',
      headers: ['X-Request-Id'],
      content: {
        'text/plain': { schema: text, examples: { compared: { summary: 'Nothing', value: '' } } },
      },
    },
  },
  failures: [
    {
      code: 'checksum_mismatch',
      message: 'These are not the bytes with the SHA-256 that was announced.',
    },
    'not_found',
    { code: 'too_large', details: { maxBytes: 524_288_000 } },
  ],
  async handler({ request, reply, deps }) {
    const startedAt = deps.now();
    const { id, expiresAt, maxBytes = 0 } = readClaims(request, directPurpose, deps);
    if (startedAt > expiresAt) {
      throw fail('upload_url_expired');
    }
    requireLength(request.raw);
    refuseEncoded(request.raw);
    await deps.direct.receive(
      id,
      bodyOf(request.raw, { maxBytes, idleMs: deps.settings.idleTimeoutMs }),
    );
    return reply.code(200).send('');
  },
});
