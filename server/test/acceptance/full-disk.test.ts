import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { initUpload, mergeUpload, putChunk } from './chunked-client.ts';
import { type Stowage, startStowage } from './harness.ts';
import { fixture, mediaClient } from './media-client.ts';
import {
  eventually,
  fileForm,
  pseudoRandomBytes,
  smallObjectKinds,
  srcOf,
  storedObjects,
  upload,
} from './requests.ts';
import { type SmallDisk, smallDisk } from './small-disk.ts';

const probe = smallDisk(32);
probe?.remove();
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe.skipIf(probe === undefined).each(smallObjectKinds)(
  'a full disk (R6; skipped without the right to mount), small objects as $kind',
  ({ env }) => {
    let disk: SmallDisk | undefined;
    let app: Stowage;
    const kept = new Map<string, string>();
    beforeAll(async () => {
      disk = smallDisk(32);
      app = await startStowage({ dataDir: `${disk?.path}/data`, env });
    });
    afterAll(async () => {
      await app?.stop();
      disk?.remove();
    });

    async function send(size: number): Promise<number> {
      const bytes = pseudoRandomBytes(size);
      const answer = await upload(app, '', {
        bytes,
        name: 'a.bin',
        type: 'application/octet-stream',
      });
      if (answer.status === 200) {
        kept.set(((await answer.json()) as [{ src: string }])[0].src, sha256(bytes));
      }
      return answer.status;
    }
    async function expectKept(): Promise<void> {
      for (const [src, hash] of kept) {
        expect(sha256(new Uint8Array(await (await app.fetch(src)).arrayBuffer()))).toBe(hash);
      }
      expect((await mediaClient(app).call('GET', '/media?limit=1')).body.data.total).toBe(
        kept.size,
      );
      await eventually(async () => expect((await storedObjects(app)).length).toBe(kept.size));
    }

    it('stops taking files before it is so full that none can be deleted', async () => {
      while ((await send(3_000_000)) === 200) {}
      expect(await send(3_000_000)).toBe(507);
      const client = mediaClient(app);
      const { items } = (await client.call('GET', '/media?limit=3')).body.data;
      for (const { media_id: id, url } of items) {
        expect((await client.call('DELETE', `/media/${id}`)).status).toBeLessThan(300);
        kept.delete(new URL(url).pathname);
      }
      await eventually(async () => expect(await send(3_000_000)).toBe(200));
      await expectKept();
    });

    it('answers 507, whatever the size and the API, and keeps what was acknowledged and nothing else', async () => {
      const client = mediaClient(app);
      const photo = fixture('photo.jpg');
      await disk?.fill();
      expect(await send(20_000_000)).toBe(507);
      expect(await send(100_000)).toBe(507);
      // The database has cut its log after a refusal: that room goes, too.
      await disk?.fill();
      expect(await send(10)).toBe(507);
      const presigned = await client.presign({
        filename: 'photo.jpg',
        content_type: 'image/jpeg',
        size: photo.length,
      });
      expect([201, 503, 507]).toContain(presigned.status);
      if (presigned.status === 201) {
        const answer = await client.put(presigned.body.data.upload_url, photo);
        expect([
          answer.status,
          ((await answer.json()) as { error: { retryable: boolean } }).error.retryable,
        ]).toEqual([507, true]);
      }
      await expectKept();
    });

    it('of many at once each is refused or kept', async () => {
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, at) => send(at * 50_000 + 1)),
      );
      // The database may have cut its log meanwhile: in that room small ones find a place.
      expect(answers.filter((status) => status !== 200 && status !== 507)).toEqual([]);
      expect(answers).toContain(507);
      await expectKept();
    });

    it('recovers by itself once there is room', async () => {
      await disk?.free();
      await eventually(async () => expect(await send(200_000)).toBe(200));
      const chunks = [pseudoRandomBytes(100_000), pseudoRandomBytes(50_000)];
      const session = await initUpload(app, 2);
      for (const [at, chunk] of chunks.entries()) {
        expect((await putChunk(app, session, at, chunk)).status).toBe(200);
      }
      kept.set(await srcOf(mergeUpload(app, session)), sha256(Buffer.concat(chunks)));
      await app
        .fetch('/upload', { method: 'POST', body: fileForm({ name: 'x.txt' }) })
        .then(async (answer) => {
          kept.set(await srcOf(answer), sha256(Buffer.from('hello')));
        });
      for (const [src, hash] of kept) {
        expect(sha256(new Uint8Array(await (await app.fetch(src)).arrayBuffer()))).toBe(hash);
      }
    });

    it('starts again on a full disk, reads, and takes files once there is room', async () => {
      await disk?.fill();
      await app.crash();
      const [src = '', hash] = [...kept.entries()][0] ?? [];
      expect(sha256(new Uint8Array(await (await app.fetch(src)).arrayBuffer()))).toBe(hash);
      expect([200, 503, 507]).toContain(await send(1000));
      await disk?.free();
      await eventually(async () => expect(await send(1000)).toBe(200));
    });
  },
);
