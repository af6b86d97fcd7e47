import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newFile, newJob, newUpload } from '../../test/conformance/metadata/fixtures.ts';
import type { MetadataStore } from '../core/metadata.ts';
import { sqliteFlavor } from './flavor.ts';
import { kyselyStore } from './kysely-store.ts';
import { filePages } from './library/file-pages.ts';
import { connectSqlite, type SqliteConnection } from './sqlite/sqlite-connection.ts';
import { sqliteEngine } from './sqlite/sqlite-engine.ts';
import type { Query } from './work.ts';

describe('query plans', () => {
  let folder: string;
  let connection: SqliteConnection;
  let store: MetadataStore;
  const seen = new Map<string, Query>();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stowage-plans-'));
    connection = connectSqlite(join(folder, 'test.db'));
    const recording: SqliteConnection = {
      ...connection,
      execute(query) {
        seen.set(query.sql, query);
        return connection.execute(query);
      },
    };
    const nothing = async () => undefined;
    const engine = sqliteEngine({
      connection: recording,
      ready: nothing,
      onCommit: () => undefined,
      sync: nothing,
      close: nothing,
    });
    store = kyselyStore({ flavor: sqliteFlavor(), engine });
    await store.migrate();
    seen.clear();
  });
  afterAll(async () => {
    connection.close();
    await rm(folder, { recursive: true });
  });

  const plan = ({ sql, parameters }: Query) =>
    connection
      .execute({ sql: `explain query plan ${sql}`, parameters })
      .rows.map((row) => (row as { detail: string }).detail);

  it('reads no table from start to end, and sorts nothing', async () => {
    const file = newFile();
    const upload = newUpload();
    await store.uploads.add(upload);
    await store.uploads.add(newUpload(), { max: 1, network: { name: 'x', max: 1 } });
    await store.files.add({ ...file, clearsJobs: ['x'], addsJobs: [newJob()] });
    await store.files.add({
      ...file,
      file: { ...file.file, id: 'x' },
      path: (attempt) => `${file.path(0)}${attempt || ''}`,
    });
    await store.files.get(file.file.id);
    await store.files.getByPath('x');
    await store.files.list({ limit: 1, offset: 0 });
    await store.files.list({ category: 'image', limit: 1, offset: 0 });
    for (const category of [undefined, 'image'] as const) {
      const deep = filePages(sqliteFlavor())(
        { limit: 1, offset: 5_000, ...(category && { category }) },
        100_000,
      ).query;
      seen.set(deep.sql, deep);
      for (const more of [{ offset: 5_000 }, { offset: 0, after: { createdAt: 1, id: 'x' } }]) {
        await store.files.list({ limit: 1, ...more, ...(category && { category }) });
      }
    }
    await store.files.knowsStorageId('x');
    await store.files.usage('x');
    await store.files.holdsSha256('x');
    await store.files.holdsSha256('x', { uploader: 'y', channelId: 'z' });
    const { blobId, channelId, segments } = { ...file.replica, blobId: file.blob.id };
    await store.replicas.page({ channelIds: [channelId], after: { blobId, channelId }, limit: 1 });
    const [replica] = await store.replicas.ofBlob(blobId);
    await store.replicas.mark([{ blobId, channelId, state: 'damaged', verifiedAt: 1 }]);
    if (replica) {
      await store.replicas.replace(replica, {
        segments,
        verifiedAt: 1,
        addsJobs: [],
        clearsJobs: [],
      });
    }
    await store.replicas.pathsOf(blobId);
    await store.replicas.countBroken();
    await store.leases.take({ name: 'x', owner: 'x', now: 0, until: 1 });
    await store.leases.isHeld('x', 0);
    await store.leases.release('x', 'x');
    await store.files.remove(file.file.id, () => newJob());
    await store.files.remove('x', () => newJob());
    await store.uploads.get(upload.id);
    await store.uploads.update(upload.id, 1, { details: 1 });
    await store.uploads.expired(1, 1);
    await store.uploads.countOpen('x');
    await store.uploads.receivedBytes('x', 1);
    await store.uploads.parts('x');
    await store.uploads.dropPendingPart('x', 'x');
    await store.uploads.list({
      kinds: ['import'],
      states: ['open'],
      owner: 'x',
      limit: 1,
      offset: 0,
    });
    await store.uploads.remove(upload.id, 2, []);
    await store.tokens.findByHash('x');
    await store.sessions.findByHash('x');
    await store.sessions.get('x');
    await store.sessions.list({ now: 1, limit: 1 });
    await store.sessions.touch('x', 1);
    await store.sessions.removeExpired(1);
    await store.addresses.isBlocked('x');
    await store.addresses.filesFrom('x', { limit: 1, offset: 0 });
    await store.addresses.block('x', 1);
    await store.addresses.unblock('x');
    await store.jobs.claim({ now: 1, leaseMs: 1, limit: 1, kinds: ['x'] });
    await store.jobs.done(['x']);
    await store.idempotency.begin({
      owner: 'x',
      key: 'x',
      requestHash: '',
      now: 1,
      claimMs: 1,
      expiresAt: 1,
    });
    await store.idempotency.removeExpired(1);

    const details = [...seen.values()].flatMap((query) =>
      plan(query).map((detail) => ({ detail, sql: query.sql })),
    );
    // A page of the newest files or sessions walks its index, and a deep one skips over the index
    // alone. Uploads of one owner are few. So are broken replicas, which have an index of their
    // own.
    const fine =
      /SCAN (json_each|due|files USING (COVERING )?INDEX files_newest|sessions USING INDEX sessions_newest|replicas USING INDEX replicas_broken)/;
    const slow = details.filter(
      ({ detail, sql }) =>
        /SCAN|USE TEMP B-TREE/.test(detail) && !fine.test(detail) && !isUploadList(sql),
    );
    expect(details.length).toBeGreaterThan(40);
    expect(slow).toEqual([]);
  });
});

function isUploadList(sql: string): boolean {
  return sql.includes('from "uploads"') && sql.includes('order by "created_at"');
}
