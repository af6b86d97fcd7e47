import { afterEach, describe, expect, it } from 'vitest';
import type { Fault } from '../../../test/emulators/emulator-kit.ts';
import {
  binary,
  expectSame,
  inChunks,
  putBytes,
  type Rig,
  readBytes,
  signal,
  startRig,
} from '../../../test/emulators/huggingface/test-support.ts';
import { streamBody } from '../../core/streams/body.ts';

const repo = 'ada/pictures';

describe('huggingface commits', () => {
  let rig: Rig;
  afterEach(() => rig.close());

  it('groups 50 puts at once into far fewer commits; all are readable', async () => {
    rig = await startRig({ commitMs: 30 });
    const files = Array.from({ length: 50 }, (_, index) =>
      index % 2 ? binary(2000 + index) : Buffer.from(`text ${index}`),
    );
    const results = await Promise.all(
      files.map((bytes) => putBytes(rig.channel, bytes, `k/${crypto.randomUUID()}`)),
    );
    expect(rig.emulator.commits(repo).length).toBeLessThan(20);
    expect(rig.emulator.files(repo)).toHaveLength(50);
    for (const [index, { ref }] of results.entries()) {
      expectSame(await readBytes(rig.channel, ref), files[index]);
    }
    await Promise.all(results.map(({ ref }) => rig.channel.delete(ref, { signal })));
    expect(rig.emulator.files(repo)).toEqual([]);
    expect(rig.emulator.commits(repo).length).toBeLessThan(25);
  });

  it('wins against another node that commits to the same branch', async () => {
    rig = await startRig({ commitMs: 10 });
    const nodes = [rig.channel, rig.another()];
    const puts = Array.from({ length: 20 }, (_, index) =>
      putBytes(nodes[index % 2] ?? rig.channel, binary(50)),
    );
    await Promise.all(puts);
    expect(rig.emulator.files(repo)).toHaveLength(20);
  });

  it.each<[string, Fault]>([
    [
      '412',
      {
        kind: 'status',
        when: 'before',
        status: 412,
        body: '{"error":"A commit has happened since."}',
      },
    ],
    [
      '429 with Retry-After',
      { kind: 'status', when: 'before', status: 429, headers: { 'retry-after': '0.2' } },
    ],
    [
      '429 with RateLimit',
      { kind: 'status', when: 'before', status: 429, headers: { ratelimit: '"api";r=0;t=1' } },
    ],
    ['500', { kind: 'status', when: 'before', status: 500 }],
    ['503 after the commit was made', { kind: 'status', when: 'after', status: 503 }],
    ['a reset before', { kind: 'reset', when: 'before' }],
    ['a reset after the commit was made', { kind: 'reset', when: 'after' }],
  ])('repeats a commit after %s, without a second one', async (_, fault) => {
    rig = await startRig();
    rig.emulator.faults.add('commit', fault);
    const bytes = binary(1000);
    const { ref } = await putBytes(rig.channel, bytes);
    expectSame(await readBytes(rig.channel, ref), bytes);
    expect(rig.emulator.commits(repo)).toHaveLength(1);
  });

  it('waits as long as the hub asks', async () => {
    rig = await startRig();
    rig.emulator.faults.add('commit', {
      kind: 'status',
      when: 'before',
      status: 429,
      headers: { 'retry-after': '0.5' },
    });
    const startedAt = performance.now();
    await putBytes(rig.channel, binary(10));
    expect(performance.now() - startedAt).toBeGreaterThan(490);
  });

  it('tells the caller at once when the hub wants a long pause, and spares the hub until then', async () => {
    rig = await startRig();
    const words =
      'You have exceeded the rate limit for repository commits (128 per hour). You can retry this action in about 1 hour.';
    rig.emulator.faults.add('commit', {
      kind: 'status',
      when: 'before',
      status: 429,
      body: JSON.stringify({ error: words }),
    });
    const first = await putBytes(rig.channel, binary(10)).catch((error: unknown) => error);
    expect(first).toMatchObject({ code: 'channel_rate_limited', retryAfterMs: 3_600_000 });
    const calls = rig.emulator.storageLog.length;
    const second = await putBytes(rig.channel, binary(10)).catch((error: unknown) => error);
    expect(second).toMatchObject({ code: 'channel_rate_limited' });
    expect(rig.emulator.storageLog).toHaveLength(calls);
  });

  it('gives up on a hub that stays broken, with its words', async () => {
    rig = await startRig();
    rig.emulator.faults.add(
      'commit',
      { kind: 'status', when: 'before', status: 500, body: '{"error":"Internal trouble"}' },
      1000,
    );
    const error = (await putBytes(rig.channel, binary(10)).catch(
      (reason: unknown) => reason,
    )) as Error;
    expect(error).toMatchObject({ code: 'channel_unavailable' });
    expect(error.message).toContain('Internal trouble');
  });

  it('lets one bad change fail alone', async () => {
    rig = await startRig({ commitMs: 20 });
    await rig.channel
      .put(streamBody((async function* () {})(), { size: 0, sha256: '0'.repeat(64) }), {
        key: '.git/config',
        contentType: 'a/b',
        signal,
      })
      .catch(() => {});
    const key = (index: number) => (index === 7 ? 'k/.git/x' : `k/${index}`);
    const puts = Array.from({ length: 16 }, (_, index) =>
      putBytes(rig.channel, binary(100 + index), key(index)),
    );
    const results = await Promise.allSettled(puts);
    expect(results.map(({ status }) => status === 'rejected')).toEqual(
      results.map((_, index) => index === 7),
    );
    expect(results[7]).toMatchObject({ reason: { code: 'channel_refused' } });
  });

  it('takes an add back whose caller left while its commit ran', async () => {
    rig = await startRig({ commitMs: 150 });
    await putBytes(rig.channel, binary(10));
    const controller = new AbortController();
    const bytes = binary(200);
    const put = rig.channel.put(
      streamBody(inChunks(bytes), { size: 200, sha256: 'a'.repeat(64) }),
      {
        key: 'k/left',
        contentType: 'a/b',
        signal: controller.signal,
      },
    );
    put.catch(() => {});
    const commits = () => rig.emulator.hubLog.filter(({ name }) => name === 'commit').length;
    while (commits() < 2) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    controller.abort(new Error('left'));
    await expect(put).rejects.toThrow('left');
    await putBytes(rig.channel, binary(10));
    expect(rig.emulator.files(repo)).toHaveLength(2);
    await expect(
      rig.channel.get(rig.channel.locate?.('k/left') ?? null, { signal }),
    ).rejects.toMatchObject({
      code: 'not_found',
    });
  });

  it('deletes many at once though some are gone', async () => {
    rig = await startRig();
    const puts = await Promise.all(
      Array.from({ length: 6 }, () => putBytes(rig.channel, binary(30))),
    );
    await rig.channel.delete(puts[0]?.ref ?? null, { signal });
    await Promise.all(
      [...puts.map(({ ref }) => ref), { path: 'files/never' }].map((ref) =>
        rig.channel.delete(ref, { signal }),
      ),
    );
    expect(rig.emulator.files(repo)).toEqual([]);
  });

  it('rejects what waits when the channel is closed', async () => {
    rig = await startRig({ commitMs: 500 });
    const put = putBytes(rig.channel, binary(10));
    put.catch(() => {});
    while (!rig.emulator.hubLog.some(({ name }) => name === 'commit')) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    await rig.channel.close?.();
    await expect(put).rejects.toMatchObject({ code: 'channel_unavailable' });
  });
});
