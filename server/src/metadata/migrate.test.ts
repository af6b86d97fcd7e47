import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newFile, newJob } from '../../test/conformance/metadata/fixtures.ts';
import {
  type PostgresService,
  postgresMissing,
  startPostgres,
} from '../../test/services/postgres.ts';
import { openMetadata } from './index.ts';

const writer = join(import.meta.dirname, '../../test/conformance/metadata/writer.ts');

/** Migrations that each of four concurrently started processes ran. */
async function migrateAtOnce(...args: string[]): Promise<string[][]> {
  const processes = [1, 2, 3, 4].map(() =>
    promisify(execFile)(process.execPath, [writer, 'migrate', ...args]),
  );
  return (await Promise.all(processes)).map(({ stdout }) => JSON.parse(stdout));
}

const newer = "insert into schema_migrations values ('9999-from-the-future', 1)";
const refusal = {
  code: 'internal_error',
  message: expect.stringMatching(/newer version.*9999-from-the-future/),
};

describe('migrations', () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'stowage-migrate-'));
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  it('run once on SQLite when processes start at once', async () => {
    const ran = await migrateAtOnce(dataDir);
    expect(ran.filter((names) => names.length > 0)).toHaveLength(1);
  });

  it('count paths of before as given once, since caches hold them for ever', async () => {
    const store = await openMetadata({ dataDir, durability: 'full' });
    await store.migrate();
    const kept = newFile({ path: 'kept.png' });
    await store.files.add(kept);
    const db = new DatabaseSync(join(dataDir, 'stowage.db'));
    // As an older version wrote them: without that column.
    const columns =
      'folder, filename, blob_id, content_type, category, size, tags, list_type, label, created_at, updated_at';
    db.exec(
      `insert into files (id, path, ${columns}) select 'old', 'old.png', ${columns} from files`,
    );
    db.close();
    expect((await store.files.getByPath('old.png'))?.file.givenOnce).toBe(true);
    await store.files.remove('old', (channelId) => newJob({ payload: { channelId } }));
    await expect(store.files.add(newFile({ path: 'old.png' }))).rejects.toMatchObject({
      code: 'conflict',
    });
    await store.close();
  });

  it('refuse a SQLite file of a newer version', async () => {
    const store = await openMetadata({ dataDir, durability: 'full' });
    await store.migrate();
    const db = new DatabaseSync(join(dataDir, 'stowage.db'));
    db.exec(newer);
    db.close();
    await expect(store.migrate()).rejects.toMatchObject(refusal);
    await store.close();
  });

  describe.skipIf(postgresMissing)(`on PostgreSQL ${postgresMissing ?? ''}`, () => {
    let service: PostgresService | undefined;
    let databaseUrl = '';
    beforeAll(async () => {
      service = await startPostgres();
    });
    beforeEach(async () => {
      databaseUrl = (await service?.createDatabase()) ?? '';
    });
    afterAll(() => service?.stop());

    it('run once when processes start at once', async () => {
      const ran = await migrateAtOnce(dataDir, databaseUrl);
      expect(ran.filter((names) => names.length > 0)).toHaveLength(1);
    });

    it('refuse a database of a newer version', async () => {
      const store = await openMetadata({ databaseUrl, dataDir, durability: 'full' });
      await store.migrate();
      const client = new pg.Client(databaseUrl);
      await client.connect();
      await client.query(newer);
      await client.end();
      await expect(store.migrate()).rejects.toMatchObject(refusal);
      await store.close();
    });
  });
});
