import { Readable } from 'node:stream';
import { z } from 'zod';
import type { Fetched } from '../../core/imports/safe-fetch/safe-fetch.ts';
import { jsonFailures, readJsonObject } from '../body/json-body.ts';
import { failed } from '../failure.ts';
import { named } from '../openapi/named.ts';
import { bytes } from '../openapi/shared-schemas.ts';
import { requestSignal } from '../request-signal.ts';
import { json, route } from '../route.ts';

const fetchRequest = named('FetchRequest', () => z.object({ url: z.url() }));

const noUrl = { code: 'invalid_url', as: 'no_url', message: 'url is required' } as const;

/** Upload API 4.7: a page cannot read foreign addresses itself. Nothing is stored. */
export const fetchResource = route({
  id: 'fetchResource',
  method: 'POST',
  path: '/api/fetchRes',
  permission: 'upload',
  tag: 'Pages',
  summary: 'Bytes of an address on the web',
  description:
    'Fetches the address and passes its bytes on, so that a page can upload them. Only public addresses, also after redirects; at most `fetch.maxVideoBytes`, and five minutes. Of a failure only the status is told. Type and name are those of the remote; the answer is a download that runs nothing.',
  request: {
    body: {
      required: true,
      content: json(fetchRequest, { one: { value: { url: 'https://example.com/photo.jpg' } } }),
    },
  },
  answers: {
    200: {
      description: 'The bytes.',
      headers: ['Content-Disposition'],
      content: { '*/*': { schema: bytes } },
    },
  },
  failures: [
    ...jsonFailures,
    noUrl,
    'invalid_url',
    'url_not_allowed',
    'fetch_failed',
    'fetch_timeout',
    'too_large',
    {
      code: 'rate_limit_exceeded',
      as: 'busy',
      message: 'Too many addresses are being fetched at the moment.',
      retryAfterMs: 5000,
    },
  ],
  async handler({ request, reply, deps }) {
    const { url } = await readJsonObject(request.raw);
    if (typeof url !== 'string' || url === '') {
      throw failed(noUrl);
    }
    const fetched = await deps.resources.open(url, requestSignal(request.raw));
    return reply.headers(headersOf(fetched)).send(Readable.from(toTheEnd(fetched)));
  },
});

async function* toTheEnd({ source, close }: Fetched): AsyncGenerator<Uint8Array> {
  try {
    yield* source;
  } finally {
    close();
  }
}

/** Bytes of strangers under our address: they must not run, whatever the remote calls them. */
function headersOf({ size, contentType, contentDisposition }: Fetched) {
  const headers: Record<string, string | number> = {
    'content-type': sendable(contentType) ?? 'application/octet-stream',
    'content-disposition':
      sendable(contentDisposition)?.replace(/^[^;]*/, 'attachment') ?? 'attachment',
    'content-security-policy': "default-src 'none'; sandbox",
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'private, no-store',
  };
  return size === undefined ? headers : { ...headers, 'content-length': size };
}

/** Undefined for what is no text of a header, or too long for one. */
function sendable(value: string | undefined): string | undefined {
  return value !== undefined && /^[\t\x20-\x7e\x80-\xff]{1,1024}$/.test(value) ? value : undefined;
}
