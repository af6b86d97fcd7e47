import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresService, postgresMissing, startPostgres } from '../services/postgres.ts';
import { davMissing } from '../services/webdav.ts';
import { type Backend, webdavBackend } from './backends.ts';
import { type Stowage, startStowage } from './harness.ts';
import { nodeEnv } from './node-env.ts';
import { fileForm, filePart, multipartBody, pseudoRandomBytes, srcOf, upload } from './requests.ts';

describe.skipIf(postgresMissing ?? davMissing('apache'))(
  'a database that is gone, or frozen',
  () => {
    let postgres: PostgresService;
    let app: Stowage;
    let src: string;
    let dav: Backend;
    beforeAll(async () => {
      postgres = await startPostgres();
      dav = await webdavBackend();
      const { STOWAGE_CHANNELS: local = '[]', ...env } = nodeEnv(postgres.url);
      const channels = JSON.stringify([...JSON.parse(local), dav.channel]);
      app = await startStowage({
        env: { ...env, STOWAGE_CHANNELS: channels, STOWAGE_RATE_LIMIT_PER_MINUTE: '1000' },
      });
      src = await srcOf(upload(app));
    });
    afterEach(async () => {
      expect(await recovered()).toBe(200);
    });
    afterAll(async () => {
      await app?.stop();
      await dav?.stop();
      await postgres?.stop();
    });

    async function recovered(): Promise<number> {
      await expect
        .poll(async () => (await app.fetch('/readyz')).status, { timeout: 20_000 })
        .toBe(200);
      return (await upload(app)).status;
    }
    async function timed(path: string, method: string) {
      const startedAt = performance.now();
      const body = method === 'POST' ? fileForm() : undefined;
      const response = await app.fetch(path, { method, ...(body && { body }) });
      await response.arrayBuffer();
      return {
        path,
        status: response.status,
        retryAfter: response.headers.get('retry-after'),
        ms: performance.now() - startedAt,
      };
    }
    /** One of each dialect. */
    const calls = (): readonly [path: string, method: string][] => [
      ['/upload', 'POST'],
      ['/upload?initChunked=true', 'POST'],
      ['/api/channels', 'GET'],
      ['/media', 'GET'],
      ['/media/upload', 'POST'],
      ['/me', 'GET'],
      [src, 'GET'],
      ['/api/manage/apiTokens', 'GET'],
      ['/api/manage/delete/x', 'DELETE'],
    ];

    it('gone: every dialect says 503 and when to come back', async () => {
      await postgres.crash();
      try {
        await expectSeen();
        for (const [path, method] of [
          ...calls(),
          ['/readyz', 'GET'] as const,
          ['/readyz', 'HEAD'] as const,
        ]) {
          expect(await timed(path, method)).toMatchObject({ status: 503, retryAfter: '1' });
        }
      } finally {
        await postgres.resume();
      }
    });

    it('frozen: probes answer in two seconds, all else in fifteen', async () => {
      await postgres.freeze();
      try {
        const waiting = calls().map(([path, method]) => timed(path, method));
        await expectSeen();
        const probe = await timed('/readyz', 'GET');
        expect(probe).toMatchObject({ status: 503, retryAfter: '1' });
        expect(probe.ms).toBeLessThan(4_000);
        const answers = await Promise.all(waiting);
        expect(
          answers.filter(({ status, retryAfter }) => status !== 503 || retryAfter === null),
        ).toEqual([]);
        for (const answer of answers) {
          expect(answer.ms).toBeLessThan(16_000);
        }
      } finally {
        await postgres.thaw();
      }
    });

    it.each(['disk', 'webdav'])(
      'gone while a body comes in for %s: 503, no channel is blamed or tried, nothing is stored',
      async (name) => {
        const body = multipartBody([filePart(pseudoRandomBytes(300_000))]);
        const request = httpRequest(
          new URL(
            `/upload?channelName=${name}&uploadChannel=${name === 'disk' ? 'local' : name}`,
            app.url,
          ),
          {
            method: 'POST',
            headers: {
              authorization: `Bearer ${app.adminToken}`,
              'content-type': 'multipart/form-data; boundary=frontier',
              'content-length': body.length,
              expect: '100-continue',
            },
          },
        );
        const stored = await dav.stored();
        await once(request, 'continue');
        request.write(body.subarray(0, 10_000));
        await postgres.crash();
        try {
          request.end(body.subarray(10_000));
          const [response] = await once(request, 'response');
          const said = await text(response);
          expect([response.statusCode, response.headers['retry-after']]).toEqual([503, '1']);
          expect(said).toBe('Error: The database is not available at the moment.');
        } finally {
          await postgres.resume();
        }
        expect(await dav.stored()).toBe(stored);
      },
    );

    /** What people look at in such a moment. */
    async function expectSeen(): Promise<void> {
      expect(await timed('/healthz', 'GET')).toMatchObject({ status: 200 });
      const readiness = async () => (await app.fetch('/readyz')).json();
      await expect
        .poll(readiness)
        .toEqual({ status: 'unavailable', checks: { server: 'ok', database: 'unavailable' } });
      const metrics = await app.fetch('/metrics');
      expect(metrics.status).toBe(200);
      expect(await metrics.text()).not.toMatch(/^stowage_jobs_pending/m);
    }
  },
);
