import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { metadataConformance } from '../../../test/conformance/metadata.ts';
import type { MetadataStore } from '../../core/metadata.ts';
import { openSqlite } from './sqlite.ts';

metadataConformance('SQLite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stowage-sqlite-'));
  const stores: MetadataStore[] = [];
  const reopen = async () => {
    const store = openSqlite({ path: join(folder, 'stowage.db'), durability: 'full' });
    stores.push(store);
    return store;
  };
  return {
    store: await reopen(),
    reopen,
    async destroy() {
      await Promise.all(stores.map((store) => store.close()));
      await rm(folder, { recursive: true, force: true });
    },
  };
});
