import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { clientOf, inTurn } from '../test/client-of.ts';
import { createClient, type Media } from './index.ts';

describe('Media API', () => {
  const envelope = (data: unknown) => ({ json: { data, error: null, meta: {} } });

  async function run(method: 'PUT' | 'POST', type: string) {
    const keys = new Set<unknown>();
    let body = '';
    let presigns = 0;
    const { client, baseUrl } = await clientOf(async (seen) => {
      if (seen.url.pathname === '/api/v1/media/upload') {
        keys.add(seen.headers['idempotency-key']);
        if (presigns++ === 0) {
          return { hangUp: true };
        }
        const upload_method =
          method === 'PUT'
            ? { method, headers: { 'Content-Type': type } }
            : { method, field_name: 'picture' };
        return {
          ...envelope({ media_id: 'm1', upload_url: `${baseUrl}/relay/m1?sig=s`, upload_method }),
          status: 201,
        };
      }
      if (seen.url.pathname === '/relay/m1') {
        expect(seen.headers.authorization).toBeUndefined();
        body =
          method === 'PUT'
            ? (await seen.bytes()).toString()
            : await ((await seen.form()).get('picture') as File).text();
        return { json: {} };
      }
      return envelope({
        id: 'm1',
        status: 'ready',
        url: 'http://host/file/x',
        path: seen.url.pathname,
      });
    });
    const media = await client.uploadMedia(new Blob(['pixels']), { name: 'p', type });
    expect(keys.size).toBe(1);
    expect(body).toBe('pixels');
    expect(media).toMatchObject({ id: 'm1', path: '/api/v1/media/m1/complete' });
  }

  it('uploads a picture as a form', () => run('POST', 'image/png'));
  it('uploads a video raw', () => run('PUT', 'video/mp4'));

  it('calls by name: presign here, send there, complete; list, get, import, delete', async () => {
    const calls: string[] = [];
    const { client, baseUrl } = await clientOf(async ({ method, url, headers, bytes }) => {
      const body = (await bytes()).toString();
      calls.push(
        `${method} ${url.pathname}${url.search} ${headers.authorization ? 'token' : 'anonymous'} ${body}`,
      );
      const presigned = {
        media_id: 'm1',
        upload_url: `${baseUrl}/relay/m1?sig=s`,
        upload_method: { method: 'PUT' },
      };
      return envelope(
        url.pathname.endsWith('/media/upload') ? presigned : { id: 'm1', media: [], total: 0 },
      );
    });
    const presigned = await client.presignMedia({ name: 'a.png', type: 'image/png', size: 1 });
    const steps: number[] = [];
    await createClient({ baseUrl }).sendPresigned(presigned, new Blob(['x']), {
      name: 'a.png',
      onProgress: (n) => steps.push(n),
    });
    expect(steps.at(-1)).toBe(1);
    await client.completeMedia('m1');
    await client.getMedia('m/1');
    expect((await client.listMedia({ type: 'image', limit: 5, offset: 10 })).total).toBe(0);
    await client.importMedia('https://host/a.png', { name: 'b.png' });
    await client.deleteMedia('m1');
    expect(calls).toEqual([
      'POST /api/v1/media/upload token {"filename":"a.png","content_type":"image/png","size":1,"direct":true}',
      'PUT /relay/m1?sig=s anonymous x',
      'POST /api/v1/media/m1/complete token ',
      'GET /api/v1/media/m%2F1 token ',
      'GET /api/v1/media?type=image&limit=5&offset=10 token ',
      'POST /api/v1/media/upload-from-url token {"url":"https://host/a.png","filename":"b.png"}',
      'DELETE /api/v1/media/m1 token ',
    ]);
  });

  it('has the fields of the OpenAPI document', () => {
    const openapi = JSON.parse(
      readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8'),
    );
    const known = openapi.components.schemas.Media.properties as Readonly<Record<string, unknown>>;
    expect(Object.keys(mediaFields).toSorted()).toEqual(Object.keys(known).toSorted());
  });

  it.each([true, false])('believes the server about a repetition: %j', async (retryable) => {
    const error = { message: 'No.', code: 'x', retryable };
    const { handler, seen } = inTurn({
      status: retryable ? 422 : 500,
      json: { data: null, error, meta: {} },
    });
    const { client } = await clientOf(handler, { token: 't', attempts: 2 });
    await expect(client.getMedia('m1')).rejects.toMatchObject({ retryable });
    expect(seen).toHaveLength(retryable ? 2 : 1);
  });

  it('throws code, message and details of the envelope', async () => {
    const error = {
      message: 'Too big.',
      code: 'too_large',
      retryable: false,
      details: { max_size: 5 },
    };
    const { client } = await clientOf(() => ({
      status: 413,
      json: { data: null, error, meta: {} },
    }));
    await expect(
      client.uploadMedia(new Blob(['x']), { name: 'a', type: 'image/png' }),
    ).rejects.toMatchObject({
      code: 'too_large',
      details: { max_size: 5 },
      message: 'Too big.',
      status: 413,
    });
  });
});

/** Every field once: the compiler keeps this list complete. */
const mediaFields: Readonly<Record<keyof Media, true>> = {
  id: true,
  media_id: true,
  media_ids: true,
  status: true,
  media_status: true,
  upload_status: true,
  type: true,
  media_type: true,
  filename: true,
  original_name: true,
  content_type: true,
  mime_type: true,
  size: true,
  file_size: true,
  width: true,
  height: true,
  dimensions: true,
  aspect_ratio: true,
  orientation: true,
  duration: true,
  url: true,
  thumbnail_url: true,
  error_message: true,
  created_at: true,
};
