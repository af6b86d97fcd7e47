import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresService, postgresMissing, startPostgres } from '../services/postgres.ts';
import {
  cut,
  initUpload,
  mergeUpload,
  putChunk,
  shuffled,
  uploadedChunks,
} from './chunked-client.ts';
import { type Stowage, startStowage } from './harness.ts';
import { nodeEnv } from './node-env.ts';
import { eventually, pseudoRandomBytes, srcOf, storedObjects, upload } from './requests.ts';

describe.skipIf(postgresMissing)('two nodes on one PostgreSQL and one disk', () => {
  let postgres: PostgresService;
  let nodes: readonly [Stowage, Stowage];
  beforeAll(async () => {
    postgres = await startPostgres();
    const first = await startStowage({ env: nodeEnv(postgres.url) });
    nodes = [first, await startStowage({ env: nodeEnv(postgres.url, `${first.dataDir}/objects`) })];
  });
  afterAll(async () => {
    for (const node of nodes ?? []) {
      await node.stop();
    }
    await postgres?.stop();
  });

  const nodeOf = (n: number): Stowage => nodes[n % 2 === 0 ? 0 : 1];
  const read = async (src: string, node = nodeOf(1)) =>
    Buffer.from(await (await node.fetch(src)).arrayBuffer());
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

  it('take parts on either, in any order, and merge on both at once (R4, R5)', async () => {
    const bytes = pseudoRandomBytes(2_000_000);
    const parts = cut(bytes, 100_000);
    const session = await initUpload(nodeOf(0), parts.length);
    const answers = await Promise.all(
      shuffled([...parts.entries(), ...parts.entries()]).map(([index, part], n) =>
        putChunk(nodeOf(n), session, index, part),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(await uploadedChunks(nodeOf(1), session)).toEqual([...parts.keys()]);
    const sources = await Promise.all(
      [0, 1, 0, 1].map((n) => srcOf(mergeUpload(nodeOf(n), session))),
    );
    expect(new Set(sources).size).toBe(1);
    for (const node of nodes) {
      expect(sha256(await read(sources[0] ?? '', node))).toBe(sha256(bytes));
    }
  });

  it('give each name once (T6)', async () => {
    const sources = await Promise.all(
      Array.from({ length: 60 }, (_, n) =>
        srcOf(
          upload(nodeOf(n), '?uploadNameType=origin&uploadFolder=t6', {
            bytes: String(n),
            name: 'same.txt',
          }),
        ),
      ),
    );
    expect(new Set(sources).size).toBe(60);
    expect(await Promise.all(sources.map(async (src) => String(await read(src))))).toEqual(
      sources.map((_, n) => String(n)),
    );
  });

  it('do not take for dead what the other is doing when one starts again', async () => {
    const before = new Set(await storedObjects(nodeOf(0)));
    const session = await initUpload(nodeOf(0), 40);
    const parts = cut(pseudoRandomBytes(400_000), 10_000);
    const sending = Promise.all(
      parts.map((part, index) => putChunk(nodeOf(0), session, index, part)),
    );
    await nodes[1].crash();
    expect(new Set((await sending).map(({ status }) => status))).toEqual(new Set([200]));
    const src = await srcOf(mergeUpload(nodeOf(1), session));
    expect(sha256(await read(src))).toBe(sha256(Buffer.concat(parts)));
    await eventually(async () =>
      expect((await storedObjects(nodeOf(0))).filter((path) => !before.has(path))).toHaveLength(40),
    );
  });

  it('refuse clearly while PostgreSQL is away, and lose nothing (R15)', async () => {
    const session = await initUpload(nodeOf(0), 2);
    await putChunk(nodeOf(1), session, 1, Buffer.from('world'));
    await postgres.crash();
    for (const node of nodes) {
      expect((await putChunk(node, session, 0, Buffer.from('hello '))).status).toBe(503);
      expect((await mergeUpload(node, session)).status).toBe(503);
    }
    await postgres.resume();
    expect((await putChunk(nodeOf(0), session, 0, Buffer.from('hello '))).status).toBe(200);
    expect(String(await read(await srcOf(mergeUpload(nodeOf(1), session))))).toBe('hello world');
  });
});
