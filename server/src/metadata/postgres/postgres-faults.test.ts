import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newFile, newToken, times } from '../../../test/conformance/metadata/fixtures.ts';
import {
  type PostgresService,
  postgresMissing,
  startPostgres,
} from '../../../test/services/postgres.ts';
import { isStowageError } from '../../core/errors.ts';
import type { MetadataStore } from '../../core/metadata.ts';
import { openPostgres } from './postgres.ts';

const unavailable = { code: 'service_unavailable' };

describe.skipIf(postgresMissing)(`faults of PostgreSQL ${postgresMissing ?? ''}`, () => {
  let service: PostgresService;
  let store: MetadataStore;
  beforeAll(async () => {
    // With fsync, because the tests examine what a crash leaves.
    service = await startPostgres({ fsync: true });
    store = openPostgres({ url: service.url, poolSize: 5 });
    await store.migrate();
  });
  afterAll(async () => {
    await store?.close();
    await service?.stop();
  });

  it('is unavailable while the server is down, and recovers by itself', async () => {
    const input = newFile();
    await store.files.add(input);
    await service.crash();
    await expect(store.files.get(input.file.id)).rejects.toMatchObject(unavailable);
    await expect(store.files.add(newFile())).rejects.toMatchObject(unavailable);
    await expect(store.check()).rejects.toMatchObject(unavailable);
    await service.resume();
    expect(await store.files.get(input.file.id)).toBeDefined();
    await store.files.add(newFile());
    await store.check();
  });

  it('survives a restart that it did not notice', async () => {
    await Promise.all(times(5, () => store.check()));
    await service.restart();
    await Promise.all(times(20, () => store.files.add(newFile())));
  });

  it('loses nothing it promised when the server crashes in the middle, and half does nothing', async () => {
    const promised: string[] = [];
    let isOver = false;
    const codes = new Set<unknown>();
    const callers = times(8, async () => {
      while (!isOver) {
        const input = newFile();
        try {
          await store.files.add(input);
          promised.push(input.file.id);
        } catch (error) {
          codes.add(isStowageError(error) ? error.code : error);
          await new Promise(setImmediate);
        }
      }
    });
    for (const goal of [50, 100, 150]) {
      await expect.poll(() => promised.length, { timeout: 20_000 }).toBeGreaterThan(goal);
      await service.crash();
      await service.resume();
    }
    isOver = true;
    await Promise.all(callers);
    expect([...codes]).toEqual(['service_unavailable']);
    for (const id of promised) {
      expect((await store.files.get(id))?.replicas).toHaveLength(1);
    }
    const { total } = await store.files.list({ limit: 1, offset: 0 });
    expect(await store.files.usage('channel-a')).toEqual({ bytes: total * 1000, blobs: total });
  });

  it('carries on when its connections are cut', async () => {
    const client = new pg.Client(service.url);
    await client.connect();
    const cut = () =>
      client.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'stowage'",
      );
    for (const _ of times(5, () => 0)) {
      const calls = times(20, () =>
        store.tokens.add(newToken()).then(
          () => true,
          (error) => error.code,
        ),
      );
      await cut();
      for (const result of await Promise.all(calls)) {
        expect([true, 'service_unavailable']).toContain(result);
      }
      await store.tokens.list();
    }
    await client.end();
  });

  it('takes a new plan when the table was changed under a prepared one', async () => {
    const token = newToken();
    await store.tokens.add(token);
    await Promise.all(times(20, () => store.tokens.get(token.id)));
    const client = new pg.Client(service.url);
    await client.connect();
    await client.query('alter table tokens add column later text');
    expect(await Promise.all(times(20, () => store.tokens.get(token.id)))).toEqual(
      times(20, () => token),
    );
    await client.query('alter table tokens drop column later');
    await client.end();
  });

  it('is unavailable where there is no server, or no such database', async () => {
    const { port } = new URL(service.url);
    for (const url of [
      `postgres://app@127.0.0.1:1/postgres`,
      `postgres://app@127.0.0.1:${port}/nowhere`,
    ]) {
      const nowhere = openPostgres({ url, poolSize: 1 });
      await expect(nowhere.migrate()).rejects.toMatchObject(unavailable);
      await nowhere.close();
    }
  });
});
