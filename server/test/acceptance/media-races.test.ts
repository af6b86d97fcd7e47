import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import { fixture, type MediaClient, mediaClient } from './media-client.ts';

let app: Stowage;
let client: MediaClient;
beforeAll(async () => {
  app = await startStowage();
  client = mediaClient(app);
});
afterAll(() => app?.stop());

const rounds = Array.from({ length: 30 });

async function arrived(): Promise<string> {
  const bytes = fixture('picture.png');
  const { body } = await client.presign({
    filename: 'a.png',
    content_type: 'image/png',
    size: bytes.length,
  });
  await client.put(body.data.upload_url, bytes);
  return body.data.media_id;
}

it('a media that is deleted while it is completed is deleted', async () => {
  for (const _ of rounds) {
    const id = await arrived();
    const [completed, deleted] = await Promise.all([
      client.complete(id),
      client.call('DELETE', `/media/${id}`),
    ]);
    expect([200, 404]).toContain(completed.status);
    expect(deleted.status).toBe(200);
    expect((await client.get(id)).status).toBe(404);
  }
});

it('a media that is asked for while it is completed is found', async () => {
  for (const _ of rounds) {
    const id = await arrived();
    const answers = await Promise.all([
      client.complete(id),
      client.get(id),
      client.get(id),
      client.get(id),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  }
});
