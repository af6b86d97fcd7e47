import { createHash } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { bytesBody } from './body.ts';
import { createDigestService, sha256Of } from './digests.ts';
import { readAll } from './peek.ts';

const service = createDigestService();
afterAll(() => service.close());

async function* chunks(count: number, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < count; at++) {
    yield Buffer.alloc(size, at);
  }
}

describe('digest service', () => {
  it('hashes off the thread what passes through, many bodies at once', async () => {
    const one = async (seed: number): Promise<void> => {
      const tapped = service.tap(chunks(20 + seed, 100_000), ['sha256', 'md5']);
      const bytes = await readAll(tapped.source);
      const hex = (name: string): string => createHash(name).update(bytes).digest('hex');
      expect(await tapped.digests).toEqual({ sha256: hex('sha256'), md5: hex('md5') });
      expect(bytes.length).toBe((20 + seed) * 100_000);
    };
    await Promise.all(Array.from({ length: 8 }, (_, seed) => one(seed)));
  });

  it('digests nothing at all', async () => {
    const tapped = service.tap(chunks(0, 1), ['sha256']);
    await readAll(tapped.source);
    expect((await tapped.digests).sha256).toBe(createHash('sha256').digest('hex'));
  });

  it('reads a body only for its SHA-256', async () => {
    const abc = createHash('sha256').update('abc').digest('hex');
    expect(await sha256Of(bytesBody(Buffer.from('abc')).open(), service)).toBe(abc);
  });

  it('drops a body that is left early', async () => {
    const tapped = service.tap(chunks(100, 1000), ['sha256']);
    for await (const _chunk of tapped.source) {
      break;
    }
    await expect(tapped.digests).rejects.toMatchObject({ code: 'client_closed' });
  });
});
