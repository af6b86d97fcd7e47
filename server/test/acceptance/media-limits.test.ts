import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPostgres } from '../services/postgres.ts';
import { type Stowage, startStowage } from './harness.ts';
import { fixture, mediaClient } from './media-client.ts';
import { nodeEnv } from './node-env.ts';

const jpeg = { filename: 'photo.jpg', content_type: 'image/jpeg', size: 23780 };

describe('rate limits', () => {
  let app: Stowage;
  beforeAll(async () => {
    app = await startStowage({
      env: { STOWAGE_RATE_LIMIT_PER_MINUTE: '5', STOWAGE_RATE_LIMIT_PER_HOUR: '1000' },
    });
  });
  afterAll(() => app.stop());

  it('count per token, tell the state with every answer, and refuse in whole seconds', async () => {
    const client = mediaClient(app);
    for (let left = 4; left >= 0; left--) {
      const { status, headers } = await client.call(
        'GET',
        left % 2 === 0 ? '/me' : '/media/nonsense',
      );
      expect(status).not.toBe(429);
      expect([headers.get('x-ratelimit-limit'), headers.get('x-ratelimit-remaining')]).toEqual([
        '5',
        String(left),
      ]);
      const reset = Number(headers.get('x-ratelimit-reset'));
      expect(Math.abs(reset - Date.now() / 1000 - 60)).toBeLessThan(60);
      expect(headers.get('retry-after')).toBeNull();
    }
    const { status, headers, body } = await client.call('GET', '/me');
    expect([status, body.error.code, body.error.retryable]).toEqual([
      429,
      'rate_limit_exceeded',
      true,
    ]);
    expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect(body.error.retryAfter).toBe(Number(headers.get('retry-after')));
    expect(body.error.message).toMatch(/^Rate limit exceeded\. Retry after \d+ seconds\.$/);
  });

  it('count and tell what a token may not do; who is nobody has no window', async () => {
    const body = JSON.stringify({ name: 'reader', permissions: ['list'] });
    const minted = await app.fetch('/api/manage/apiTokens', { method: 'POST', body });
    const { token } = (await minted.json()) as { token: string };
    const asking = { headers: { authorization: `Bearer ${token}` } };
    const refused = await mediaClient(app).call('POST', '/media/upload', asking);
    expect([refused.status, refused.headers.get('x-ratelimit-remaining')]).toEqual([403, '4']);
    for (const [method, path, authorization] of [
      ['GET', '/me', ''],
      ['GET', '/nowhere', asking.headers.authorization],
      ['PUT', '/me', asking.headers.authorization],
    ] as const) {
      const answer = await mediaClient(app).call(method, path, { headers: { authorization } });
      expect([answer.status, answer.headers.get('x-ratelimit-limit')]).toEqual([
        expect.toBeOneOf([401, 404, 405]),
        null,
      ]);
    }
    expect(
      (await mediaClient(app).call('GET', '/me', asking)).headers.get('x-ratelimit-remaining'),
    ).toBe('3');
  });

  it('are each token its own, and not of the other API', async () => {
    const minted = await app.fetch('/api/manage/apiTokens', {
      method: 'POST',
      body: JSON.stringify({ name: 'other', permissions: ['list'] }),
    });
    const { token } = (await minted.json()) as { token: string };
    const answer = await mediaClient(app).call('GET', '/me', {
      headers: { authorization: `Bearer ${token}` },
    });
    expect([answer.status, answer.headers.get('x-ratelimit-remaining')]).toEqual([200, '4']);
    expect((await app.fetch('/api/channels')).status).toBe(200);
  });
});

describe('on PostgreSQL, two nodes', () => {
  let postgres: NonNullable<Awaited<ReturnType<typeof startPostgres>>>;
  let nodes: readonly Stowage[] = [];
  let objects: string;
  beforeAll(async () => {
    const started = await startPostgres();
    if (started === undefined) {
      throw new Error('PostgreSQL is not installed');
    }
    postgres = started;
    objects = await mkdtemp(join(tmpdir(), 'stowage-shared-'));
    const env = { ...nodeEnv(postgres.url, objects), STOWAGE_RATE_LIMIT_PER_MINUTE: '40' };
    nodes = await Promise.all([startStowage({ env }), startStowage({ env })]);
  });
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await postgres.stop();
    await rm(objects, { recursive: true, force: true });
  });

  it('share limits, uploads and signatures', async () => {
    const [one, other] = nodes.map((node) => mediaClient(node));
    if (one === undefined || other === undefined) {
      throw new Error('two nodes');
    }
    const presigned = await one.presign(jpeg);
    expect(presigned.status).toBe(201);
    expect(Number(presigned.headers.get('x-ratelimit-remaining'))).toBe(39);
    const seen = await other.get(presigned.body.data.media_id);
    expect(seen.body.data.status).toBe('uploading');
    expect(Number(seen.headers.get('x-ratelimit-remaining'))).toBe(38);
    await one.put(presigned.body.data.upload_url, fixture('photo.jpg'));
    const answers = await Promise.all([
      one.complete(presigned.body.data.media_id),
      one.complete(presigned.body.data.media_id),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect((await other.get(presigned.body.data.media_id)).body.data.status).toBe('ready');
  });

  it('answer 503 in the envelope while the database is away, and go on by themselves', async () => {
    const [node] = nodes;
    if (node === undefined) {
      throw new Error('a node');
    }
    await postgres.restart();
    const client = mediaClient(node);
    await expect
      .poll(async () => (await client.call('GET', '/me')).status, { timeout: 20_000 })
      .toBe(200);
  });
});

describe('bytes that are not HTTP', () => {
  let app: Stowage;
  beforeAll(async () => {
    app = await startStowage();
  });
  afterAll(() => app.stop());

  it('get the envelope, too', async () => {
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(app.url).port) });
    socket.write('NONSENSE\r\n\r\n');
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    await once(socket, 'close');
    expect(text.startsWith('HTTP/1.1 400')).toBe(true);
    expect(JSON.parse(text.slice(text.indexOf('\r\n\r\n')))).toMatchObject({
      data: null,
      error: { code: 'bad_request' },
    });
  });
});
