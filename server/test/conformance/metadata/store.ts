import { describe, expect, it } from 'vitest';
import { fail } from '../../../src/core/errors.ts';
import type { MetadataStore } from '../../../src/core/metadata.ts';
import type { OpenedMetadata } from '../metadata.ts';
import { newFile, newJob, newToken, newUpload, storedPart } from './fixtures.ts';

export function storeTests(open: () => Promise<OpenedMetadata>): void {
  describe('store', () => {
    const withStore = async (test: (opened: OpenedMetadata) => Promise<void>): Promise<void> => {
      const opened = await open();
      try {
        await test(opened);
      } finally {
        await opened.destroy();
      }
    };

    it('migrates once and says what it ran', () =>
      withStore(async ({ store, reopen }) => {
        const pending = await store.pendingMigrations();
        const names = await store.migrate();
        expect(pending).toEqual(names);
        expect(await store.pendingMigrations()).toEqual([]);
        expect(names[0]).toMatch(/^0001-/);
        expect(await store.migrate()).toEqual([]);
        expect(await (await reopen()).migrate()).toEqual([]);
      }));

    it('migrates once when several nodes start at once', () =>
      withStore(async ({ store, reopen }) => {
        const stores = [store, ...(await Promise.all([reopen(), reopen(), reopen()]))];
        const ran = await Promise.all(stores.map((each) => each.migrate()));
        expect(ran.filter((names) => names.length > 0)).toHaveLength(1);
        await Promise.all(stores.map((each) => each.check()));
      }));

    it('keeps everything across a restart', () =>
      withStore(async ({ store, reopen }) => {
        await store.migrate();
        const [file, upload, token, job] = [newFile(), newUpload(), newToken(), newJob()];
        const stored = await store.files.add(file);
        await store.uploads.add(upload);
        const part = storedPart(upload, 0);
        await store.uploads.putPart(part, 0);
        await store.tokens.add(token);
        await store.jobs.add([job]);
        await store.settings.set('x', { y: 1 });
        await store.close();

        const again = await reopen();
        await again.migrate();
        expect(await again.files.get(file.file.id)).toEqual(stored);
        expect(await again.uploads.get(upload.id)).toEqual(upload);
        expect(await again.uploads.parts(upload.id)).toEqual([part]);
        expect(await again.tokens.findByHash(token.hash)).toEqual(token);
        expect(await again.jobs.list({ limit: 10 })).toMatchObject([job]);
        expect(await again.settings.get('x')).toEqual({ y: 1 });
      }));

    it('finishes what was asked before it closes, and refuses the rest', () =>
      withStore(async ({ store, reopen }) => {
        await store.migrate();
        const asked = [newToken(), newToken(), newToken()];
        const written = Promise.all(asked.map((token) => store.tokens.add(token)));
        await store.close();
        await written;
        expect(await (await reopen()).tokens.list()).toHaveLength(3);

        const refused = fail('service_unavailable').code;
        const calls: ((of: MetadataStore) => Promise<unknown>)[] = [
          (of) => of.check(),
          (of) => of.tokens.list(),
          (of) => of.files.add(newFile()),
          (of) => of.migrate(),
        ];
        for (const call of calls) {
          await expect(call(store)).rejects.toMatchObject({ code: refused });
        }
        await store.close();
      }));
  });
}
