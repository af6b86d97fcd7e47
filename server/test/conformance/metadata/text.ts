import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Json } from '../../../src/core/bytes.ts';
import type { MetadataStore } from '../../../src/core/metadata.ts';
import type { Nodes } from '../metadata.ts';
import {
  newBlob,
  newFile,
  newId,
  newJob,
  newToken,
  newUpload,
  replicaOf,
  storedPart,
} from './fixtures.ts';

const largest = 2 ** 53 - 1;

export function textTests(nodes: () => Nodes): void {
  it('keeps any JSON as it is', async () => {
    const { settings } = nodes().store;
    const name = newId();
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' }), async (value) => {
        const json = JSON.parse(JSON.stringify(value)) as Json;
        await settings.set(name, json);
        expect(await settings.get(name)).toEqual(json);
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    '{"__proto__": {"admin": true}, "constructor": 1, "toString": null}',
    '{"nul": "a\\u0000b", "\\u0000": 1, "lone": "\\ud800", "pair": "😀"}',
    '{"": "", " ": "\\u2028\\u2029\\ufeff"}',
    '[9007199254740991, -9007199254740991, 1e300, 5e-324, 0.1]',
    '{"10": 1, "2": 2, "b": 3, "a": 4}',
  ])('keeps %s everywhere', async (text) => {
    const { settings, uploads, files, jobs, idempotency } = nodes().store;
    const json = JSON.parse(text) as Json;
    const same = (value: unknown) => expect(JSON.stringify(value)).toBe(JSON.stringify(json));
    await settings.set('odd', json);
    same(await settings.get('odd'));

    const upload = newUpload({ details: json, result: json });
    await uploads.add(upload);
    await uploads.putPart(
      storedPart(upload, 0, { native: json, segments: [{ ref: json, size: 1, hash: '' }] }),
      0,
    );
    const found = await uploads.get(upload.id);
    const [part] = await uploads.parts(upload.id);
    for (const value of [found?.details, found?.result, part?.native, part?.segments[0]?.ref]) {
      same(value);
    }

    const [blob, kind] = [newBlob(), newId()];
    const stored = await files.add(
      newFile({ blob, replica: replicaOf(blob, { segments: [{ ref: json, size: 1, hash: '' }] }) }),
    );
    same((await files.get(stored?.file.id ?? ''))?.replicas[0]?.segments[0]?.ref);
    await files.remove(stored?.file.id ?? '', (_, { ref }) => newJob({ kind, payload: ref }));
    same((await jobs.claim({ now: 5000, leaseMs: 1, limit: 1, kinds: [kind] }))[0]?.payload);

    await idempotency.begin({
      owner: kind,
      key: 'k',
      requestHash: '',
      now: 1,
      claimMs: 1,
      expiresAt: 10,
    });
    await idempotency.finish(kind, 'k', json, 10);
    const again = await idempotency.begin({
      owner: kind,
      key: 'k',
      requestHash: '',
      now: 1,
      claimMs: 1,
      expiresAt: 10,
    });
    same(again.state === 'done' && again.response);
  });

  it('keeps odd text in names and tags', async () => {
    const { files } = nodes().store;
    const odd = '<b>\r\n\t"\u0001\u007f\u202e\ufeff\ufffe{}$1 %s ?1 :x 😀é́';
    const input = newFile({
      file: { filename: odd, label: odd, tags: [odd, 'nul\0', '\ud800'] },
      path: `${newId()}/${odd}`,
    });
    const stored = await files.add(input);
    expect(stored?.file).toMatchObject({
      filename: odd,
      label: odd,
      tags: [odd, 'nul\0', '\ud800'],
    });
    expect(await files.getByPath(stored?.file.path ?? '')).toEqual(stored);
  });

  it.each(['nul \0', 'lone \ud800', '\udc00 lone'])(
    'refuses %j in text, in the same way everywhere',
    async (bad) => {
      const { store } = nodes();
      const calls: ((of: MetadataStore) => Promise<unknown>)[] = [
        ({ files }) => files.add(newFile({ path: newId() + bad })),
        ({ files }) => files.add(newFile({ file: { filename: bad } })),
        ({ files }) => files.getByPath(bad),
        ({ files }) => files.get(bad),
        ({ tokens }) => tokens.add(newToken({ name: bad })),
        ({ tokens }) => tokens.findByHash(bad),
        ({ uploads }) => uploads.add(newUpload({ owner: bad })),
        ({ uploads }) => uploads.get(bad),
        ({ settings }) => settings.set(bad, 1),
        ({ jobs }) => jobs.claim({ now: 1, leaseMs: 1, limit: 1, kinds: ['x', bad] }),
        ({ idempotency }) =>
          idempotency.begin({
            owner: 'x',
            key: bad,
            requestHash: '',
            now: 1,
            claimMs: 1,
            expiresAt: 1,
          }),
      ];
      for (const call of calls) {
        await expect(call(store)).rejects.toMatchObject({ code: 'bad_request' });
      }
    },
  );

  it('writes nothing of a file with a later path that is refused', async () => {
    const { files } = nodes().store;
    const taken = newId();
    await files.add(newFile({ path: taken }));
    const input = newFile({ path: (attempt) => (attempt === 0 ? taken : `${taken}\0`) });
    await expect(files.add(input)).rejects.toMatchObject({ code: 'bad_request' });
    expect(await files.knowsStorageId(input.blob.id)).toBe(false);
  });

  it('keeps numbers up to 2^53 - 1', async () => {
    const { files, uploads } = nodes().store;
    const [blob, channelId] = [newBlob({ size: largest, createdAt: largest }), newId()];
    const file = {
      width: largest,
      height: 0,
      createdAt: largest,
      updatedAt: 0,
      durationSeconds: 0.1 + 0.2,
    };
    const stored = await files.add(
      newFile({ file, blob, replica: replicaOf(blob, { channelId }) }),
    );
    expect(stored).toMatchObject({ file: { ...file, size: largest }, blob });
    expect(await files.get(stored?.file.id ?? '')).toEqual(stored);
    expect(await files.usage(channelId)).toEqual({ bytes: largest, blobs: 1 });

    const upload = newUpload({ version: largest - 1, createdAt: largest, expiresAt: largest });
    await uploads.add(upload);
    expect(await uploads.update(upload.id, largest - 1, {})).toEqual({
      ...upload,
      version: largest,
    });
    const part = storedPart(upload, largest, { size: largest, updatedAt: largest });
    await uploads.putPart(part, largest);
    expect(await uploads.parts(upload.id)).toEqual([part]);
  });
}
