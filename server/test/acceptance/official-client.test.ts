import { PostEverywhere } from '@posteverywhere/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import { fixture } from './media-client.ts';

/** The address that the published client has built in. */
const builtIn = 'https://app.posteverywhere.ai';

let app: Stowage;
let client: PostEverywhere;
const realFetch = globalThis.fetch;
beforeAll(async () => {
  app = await startStowage();
  const body = JSON.stringify({
    name: 'sdk',
    permissions: ['upload', 'list', 'delete'],
    prefix: 'pe_live_',
  });
  const { token } = (await (
    await app.fetch('/api/manage/apiTokens', { method: 'POST', body })
  ).json()) as { token: string };
  expect(token).toMatch(/^pe_live_[a-f0-9]{32}$/);
  client = new PostEverywhere({ apiKey: token });
  globalThis.fetch = (input, init) => realFetch(String(input).replace(builtIn, app.url), init);
});
afterAll(async () => {
  globalThis.fetch = realFetch;
  await app.stop();
});

describe('the published Node client of the Media API', () => {
  it('uploads by its raw PUT, gets, lists and deletes', async () => {
    const photo = new File([new Uint8Array(fixture('photo.jpg'))], 'photo.jpg', {
      type: 'image/jpeg',
    });
    const uploaded = await client.media.upload(photo, {
      filename: 'photo.jpg',
      contentType: 'image/jpeg',
    });
    expect(uploaded).toMatchObject({ status: 'ready', type: 'image' });
    const { id } = uploaded as { id: string };
    expect(await client.media.get(id)).toMatchObject({
      id,
      upload_status: 'ready',
      media_type: 'image',
      file_size: photo.size,
    });
    const { media, total } = (await client.media.list()) as {
      media: { id: string }[];
      total: number;
    };
    expect([media[0]?.id, total]).toEqual([id, 1]);
    expect(await client.media.delete(id)).toMatchObject({ message: expect.any(String) });
    await expect(client.media.get(id)).rejects.toThrow('Media not found.');
  });

  it('uploads a video', async () => {
    const clip = new File([new Uint8Array(fixture('clip.mp4'))], 'clip.mp4', { type: 'video/mp4' });
    expect(
      await client.media.upload(clip, { filename: 'clip.mp4', contentType: 'video/mp4' }),
    ).toMatchObject({
      status: 'ready',
      type: 'video',
    });
  });
});
