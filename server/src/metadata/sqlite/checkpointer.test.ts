import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CheckpointLimits, checkpointer } from './checkpointer.ts';
import { connectSqlite, type SqliteConnection } from './sqlite-connection.ts';
import { openLog, type SqliteLog } from './sqlite-log.ts';

const limits: CheckpointLimits = {
  lookMs: 5,
  wantedBytes: 100_000,
  wantedCommits: 5,
  wantedRowBytes: 1000,
  tooLargeBytes: 400_000,
  pauseMs: 100,
};

describe('checkpointer', () => {
  let folder: string;
  let path: string;
  let connection: SqliteConnection;
  let file: SqliteLog;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stowage-checkpoint-'));
    path = join(folder, 'test.db');
    connection = connectSqlite(path);
    connection.exec('create table pages (bytes)');
    file = openLog(path);
  });

  afterEach(async () => {
    connection.close();
    file.close();
    await rm(folder, { recursive: true });
  });

  const insert = () => connection.exec('insert into pages values (randomblob(10000))');
  const rowsInFileAlone = () => {
    // `immutable` reads the database file as if it had no log.
    const db = new DatabaseSync(`file:${path}?immutable=1`, { readOnly: true });
    const row = db.prepare('select count(*) as count from pages').get();
    db.close();
    return row?.count;
  };

  it('moves commits to the database file while writers go on', async () => {
    const checkpoints = checkpointer({ path, file, limits });
    for (let commit = 0; commit < 20; commit++) {
      await checkpoints.ready();
      insert();
      checkpoints.noteCommit(0);
    }
    await expect.poll(rowsInFileAlone).toBe(20);
    await checkpoints.close();
  });

  it('empties a log that became too large, holding writers back meanwhile', async () => {
    const checkpoints = checkpointer({ path, file, limits });
    for (let commit = 0; commit < 60; commit++) {
      insert();
    }
    expect(await file.sizeBytes()).toBeGreaterThan(limits.tooLargeBytes);
    checkpoints.noteCommit(0);
    await expect.poll(() => file.sizeBytes()).toBe(0);
    await checkpoints.ready();
    insert();
    expect(rowsInFileAlone()).toBe(60);
    await checkpoints.close();
  });

  it('lets writers go on when a long read is in the way', async () => {
    const checkpoints = checkpointer({ path, file, limits });
    const reader = new DatabaseSync(path);
    reader.exec('begin; select count(*) from pages');
    for (let commit = 0; commit < 200; commit++) {
      await checkpoints.ready();
      insert();
      checkpoints.noteCommit(0);
      await new Promise(setImmediate);
    }
    expect(await file.sizeBytes()).toBeGreaterThan(limits.tooLargeBytes);
    reader.exec('commit');
    reader.close();
    await expect
      .poll(async () => {
        checkpoints.noteCommit(0);
        return file.sizeBytes();
      })
      .toBe(0);
    await checkpoints.close();
  });

  it('lets no write begin after a failed sync until all is in the database file', async () => {
    const checkpoints = checkpointer({ path, file, limits });
    for (let commit = 0; commit < 3; commit++) {
      insert();
    }
    const error = new Error('EIO');
    await expect(checkpoints.repair(error)).rejects.toBe(error);
    const reader = new DatabaseSync(path);
    reader.exec('begin; select count(*) from pages');
    insert();
    await expect(checkpoints.ready()).rejects.toMatchObject({ code: 'service_unavailable' });
    reader.exec('commit');
    reader.close();
    await checkpoints.ready();
    expect(rowsInFileAlone()).toBe(4);
    await checkpoints.close();
  });
});
