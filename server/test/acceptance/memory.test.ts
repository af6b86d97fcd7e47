import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { big } from './big-file.ts';
import { type Stowage, startStowage } from './harness.ts';
import { mediaClient } from './media-client.ts';
import { receive, send } from './stream-client.ts';

const MiB = 2 ** 20;
/** Peak resident memory of a server that has done all of this. */
const mostBytes = 256 * MiB;
const single = { sizeBytes: big ? 2048 * MiB : 512 * MiB };
const parallel = big ? { count: 50, sizeBytes: 100 * MiB } : { count: 30, sizeBytes: 32 * MiB };
const timeout = { timeout: big ? 600_000 : 120_000 };

// One server for all: what one scenario leaves behind counts for the next.
describe.skipIf(!existsSync('/proc/self/status'))(
  'memory (skipped where there is no /proc to read it from)',
  () => {
    let stowage: Stowage;
    beforeAll(async () => {
      stowage = await startStowage({ env: { STOWAGE_LOG_LEVEL: 'warn' } });
    });
    afterAll(() => stowage.stop());

    const staysSmall = async (): Promise<void> =>
      expect(await stowage.peakRssBytes()).toBeLessThan(mostBytes);

    const upload = (sizeBytes: number): Promise<string> => {
      const headers = { authorization: `Bearer ${stowage.adminToken}` };
      return send({
        url: `${stowage.url}/upload`,
        method: 'POST',
        asForm: true,
        sizeBytes,
        headers,
      });
    };
    const relay = async (sizeBytes: number, method: 'PUT' | 'POST'): Promise<string> => {
      const fields = { filename: 'large.mp4', content_type: 'video/mp4', size: sizeBytes };
      const presigned = await mediaClient(stowage).presign(fields);
      return send({
        url: presigned.body.data.upload_url,
        method,
        asForm: method === 'POST',
        sizeBytes,
      });
    };
    const times = <T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> =>
      Promise.all(Array.from({ length: count }, (_, index) => work(index)));

    it('one large upload through the Upload API', timeout, async () => {
      await upload(single.sizeBytes);
      await staysSmall();
    });

    it('one large upload through the Media API', timeout, async () => {
      await relay(Math.min(single.sizeBytes, 480 * MiB), 'PUT');
      await staysSmall();
    });

    it('many at once through the Upload API', timeout, async () => {
      await times(parallel.count, () => upload(parallel.sizeBytes));
      await staysSmall();
    });

    it.each(['PUT', 'POST'] as const)(
      'many at once through the Media API, %s',
      timeout,
      async (method) => {
        await times(parallel.count, () => relay(parallel.sizeBytes, method));
        await staysSmall();
      },
    );

    it('many readers at once, quick and slow ones', timeout, async () => {
      const [{ src }] = JSON.parse(await upload(parallel.sizeBytes));
      const url = `${stowage.url}${src}`;
      const slow = { pauseMs: 10, atMostBytes: 8 * MiB };
      const received = await times(2 * parallel.count, (index) =>
        receive(url, index % 2 === 0 ? slow : {}),
      );
      expect(Math.max(...received)).toBe(parallel.sizeBytes);
      await staysSmall();
    });
  },
);
