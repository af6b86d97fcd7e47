import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  configured,
  createSmallWorld,
  createWorld,
  type Node,
  pdf,
  presignRequest,
  slowBody,
  transfer,
  urlTtlSeconds,
  type WatchedChannel,
  type World,
} from '../../../../test/core-world.ts';
import { dayMs, minuteMs } from '../../clock.ts';
import { fail } from '../../errors.ts';
import type { Permission } from '../../metadata.ts';

let channel: WatchedChannel;
let world: World;
let node: Node;
beforeEach(async () => {
  ({ channel, world, node } = await createSmallWorld());
});
afterEach(() => world.stop());

const A = pdf('A');
const B = pdf('B', 200_000);
const ttlMs = urlTtlSeconds * 1000;

async function start(fields = {}): Promise<string> {
  return (await node.presigned.start(presignRequest(fields), world.caller)).upload.id;
}
const put = (id: string, bytes: Uint8Array, on = node) =>
  on.presigned.receive(transfer(id, bytes, world.now()));
const complete = (id: string, on = node) => on.presigned.complete(id, world.caller);
async function readBack(id: string): Promise<Buffer> {
  const stored = await node.files.get(id);
  if (stored === undefined) {
    throw new Error('There is no such file.');
  }
  return world.read(node, stored);
}
async function drained(): Promise<number> {
  await node.jobs.drain();
  return channel.refs.size;
}

describe('presigned upload', () => {
  it('start, receive, complete, read', async () => {
    const id = await start();
    expect(await node.presigned.find(id)).toMatchObject({ state: 'uploading' });
    await put(id, B);
    expect(await node.presigned.find(id)).toMatchObject({ state: 'uploading' });
    expect(await complete(id)).toMatchObject({
      state: 'ready',
      stored: { file: { id, size: B.length } },
    });
    expect(await readBack(id)).toEqual(B);
    expect(
      await node.presigned.listPending({ state: 'uploading', limit: 10, offset: 0 }),
    ).toMatchObject({ total: 0 });
    expect(await drained()).toBe(1);
  });

  it('a completion is told again only once it is on the disk', async () => {
    const id = await start();
    await put(id, B);
    await complete(id);
    const settled = (): Promise<void> => Promise.reject(fail('service_unavailable'));
    const shaky = world.node({ metadata: { ...world.metadata, settled } });
    await expect(complete(id, shaky)).rejects.toMatchObject({ code: 'service_unavailable' });
    await expect(shaky.presigned.find(id)).rejects.toMatchObject({ code: 'service_unavailable' });
    expect(await complete(id)).toMatchObject({ state: 'ready' });
  });

  it('complete says what is missing, before and after the address has expired', async () => {
    const id = await start();
    await expect(complete(id)).rejects.toMatchObject({
      code: 'upload_not_received',
      details: { expiresInSeconds: urlTtlSeconds },
    });
    world.advance(ttlMs + 1);
    await expect(complete(id)).rejects.toMatchObject({ code: 'upload_expired' });
  });

  it('the last transfer before complete wins, and replaced bytes go', async () => {
    const id = await start();
    await put(id, A);
    await put(id, B);
    expect(await drained()).toBe(1);
    await complete(id);
    expect(await readBack(id)).toEqual(B);
    await expect(put(id, A)).rejects.toMatchObject({ code: 'already_completed' });
    expect(await drained()).toBe(1);
    expect(await readBack(id)).toEqual(B);
  });

  it('complete again gives the same answer, also when the upload row is long gone', async () => {
    const id = await start();
    await put(id, A);
    const first = await complete(id);
    expect((await complete(id)).stored).toEqual(first.stored);
    world.advance(30 * dayMs);
    await node.maintenance.sweep();
    expect(await world.metadata.uploads.get(id)).toBeUndefined();
    expect((await complete(id)).stored).toEqual(first.stored);
    expect(await drained()).toBe(1);
  });

  it('complete again repeats the warnings', async () => {
    const id = await start({ size: 5 });
    await put(id, A);
    const { warnings } = await complete(id);
    expect(warnings).toEqual([`size corrected from 5 to ${A.length}.`]);
    expect((await complete(id)).warnings).toEqual(warnings);
  });

  it.each([
    ['upload', 'not_found'],
    ['upload delete', 'not_found'],
    ['upload list', 'ready'],
    ['upload manage', 'ready'],
  ])('complete of a finished file by a stranger who may %s: %s', async (permissions, answer) => {
    const id = await start();
    await put(id, A);
    await complete(id);
    const stranger = {
      owner: 'stranger',
      permissions: new Set(permissions.split(' ') as Permission[]),
      token: undefined,
    };
    const said = async (): Promise<string> =>
      node.presigned.complete(id, stranger).then(
        ({ state }) => state,
        (error) => error.code,
      );
    expect(await said()).toBe(answer);
    world.advance(30 * dayMs);
    await node.maintenance.sweep();
    expect(await said()).toBe(answer);
  });

  it('several completes of a refused file at once, on two nodes, get one answer', async () => {
    const id = await start();
    await put(id, Buffer.from('plain text, not a PDF at all'));
    const other = world.node();
    const all = await Promise.allSettled([
      complete(id),
      complete(id),
      complete(id, other),
      complete(id),
      complete(id, other),
    ]);
    const said = all.map((one) =>
      one.status === 'rejected' ? [one.reason.code, one.reason.status, one.reason.details] : one,
    );
    expect(said).toEqual(
      said.map(() => [
        'content_type_mismatch',
        422,
        { declared: 'application/pdf', detected: 'text/plain' },
      ]),
    );
  });

  it('bytes of another kind fail the media, a new transfer takes it up again', async () => {
    const id = await start();
    await put(id, Buffer.from('plain text, not a PDF at all'));
    await expect(complete(id)).rejects.toMatchObject({ code: 'content_type_mismatch' });
    expect(await node.presigned.find(id)).toMatchObject({ state: 'failed' });
    await expect(complete(id)).rejects.toMatchObject({ code: 'media_failed' });
    expect(await drained()).toBe(0);
    await put(id, A);
    expect(await node.presigned.find(id)).toMatchObject({ state: 'uploading' });
    await complete(id);
    expect(await readBack(id)).toEqual(A);
  });

  it.each([
    ['an empty file', pdf('').subarray(0, 0), {}, 'empty_file'],
    ['another checksum', A, { sha256: '0'.repeat(64) }, 'checksum_mismatch'],
    ['more bytes than allowed', B, { maxBytes: 100 }, 'too_large'],
  ] as const)('%s becomes no file and leaves nothing', async (_, bytes, fields, code) => {
    const id = await start(fields);
    await expect(put(id, bytes).then(() => complete(id))).rejects.toMatchObject({ code });
    expect(await drained()).toBe(0);
    expect(await node.files.get(id)).toBeUndefined();
  });

  it('strict sizes: a wrong one leaves the upload open for the right one', async () => {
    await world.stop();
    world = await createWorld({ channels: [configured(channel)], strictSize: true });
    node = world.node();
    const id = await start({ size: B.length });
    await put(id, A);
    await expect(complete(id)).rejects.toMatchObject({ code: 'size_mismatch' });
    await put(id, B);
    await complete(id);
    expect(await readBack(id)).toEqual(B);
    expect(await drained()).toBe(1);
  });
});

describe('expiry', () => {
  it('is looked at when a transfer begins: one that began in time may finish, and be completed', async () => {
    const id = await start();
    const body = slowBody();
    const receiving = node.presigned.receive(transfer(id, body.source, world.now()));
    body.push(A.subarray(0, 20));
    world.advance(ttlMs + 60 * minuteMs);
    body.push(A.subarray(20));
    body.end();
    await receiving;
    await expect(put(id, B)).rejects.toMatchObject({ code: 'upload_url_expired' });
    await complete(id);
    expect(await readBack(id)).toEqual(A);
    expect(await drained()).toBe(1);
  });

  it('sweeps what nobody completed, together with its bytes', async () => {
    const [abandoned, untouched, failed] = [await start(), await start(), await start()];
    await put(abandoned, A);
    await put(failed, Buffer.from('no PDF'));
    await expect(complete(failed)).rejects.toMatchObject({ code: 'content_type_mismatch' });
    world.advance(ttlMs + minuteMs);
    expect(await node.maintenance.sweep()).toBe(0);
    world.advance(dayMs);
    expect(await node.maintenance.sweep()).toBe(3);
    expect(await drained()).toBe(0);
    for (const id of [abandoned, untouched, failed]) {
      expect(await node.presigned.find(id)).toBeUndefined();
      await expect(complete(id)).rejects.toMatchObject({ code: 'not_found' });
      await expect(put(id, A)).rejects.toMatchObject({ code: 'not_found' });
    }
    expect(await drained()).toBe(0);
  });

  it('a transfer that lasts longer than the upload stops when that is swept', async () => {
    const id = await start();
    const body = slowBody();
    const receiving = node.presigned.receive(transfer(id, body.source, world.now()));
    body.push(A);
    const refused = expect(receiving).rejects.toMatchObject({ code: 'not_found' });
    await Promise.resolve();
    world.advance(ttlMs + 2 * dayMs);
    await node.maintenance.sweep();
    await refused;
    expect(await drained()).toBe(0);
  });
});

describe('cancel', () => {
  it('stops a running transfer and removes what came before', async () => {
    const id = await start();
    await put(id, A);
    const body = slowBody();
    const receiving = node.presigned.receive(transfer(id, body.source, world.now()));
    const refused = expect(receiving).rejects.toMatchObject({ code: 'not_found' });
    body.push(B.subarray(0, 100_000));
    await new Promise((resolve) => setImmediate(resolve));
    expect(await node.presigned.cancel(id)).toBe(true);
    await refused;
    body.end();
    await body.left;
    expect(await node.presigned.cancel(id)).toBe(false);
    expect(await drained()).toBe(0);
  });

  it('on another node lets the transfer end in nothing', async () => {
    const id = await start();
    const body = slowBody();
    const receiving = node.presigned.receive(transfer(id, body.source, world.now()));
    body.push(B);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await world.node().presigned.cancel(id)).toBe(true);
    body.end();
    await expect(receiving).rejects.toMatchObject({ code: 'not_found' });
    expect(await drained()).toBe(0);
  });

  it('leaves a completed file alone', async () => {
    const id = await start();
    await put(id, A);
    await complete(id);
    expect(await node.presigned.cancel(id)).toBe(false);
    expect(await drained()).toBe(1);
  });
});

describe('several at once', () => {
  it('two completes on two nodes make one file and answer the same', async () => {
    const id = await start();
    await put(id, A);
    const other = world.node();
    const answers = await Promise.all([
      complete(id),
      complete(id, other),
      complete(id),
      complete(id, other),
    ]);
    for (const answer of answers) {
      expect(answer.stored).toEqual(answers[0]?.stored);
    }
    expect(await world.metadata.files.list({ limit: 10, offset: 0 })).toMatchObject({ total: 1 });
    expect(await drained()).toBe(1);
    expect(await readBack(id)).toEqual(A);
  });

  it('a transfer that races complete is either in the file or refused', async () => {
    for (let round = 0; round < 40; round++) {
      const id = await start();
      await put(id, A);
      const second = put(id, B, round % 2 ? node : world.node()).then(
        () => true,
        (error: { code: string }) => {
          expect(error.code).toBe('already_completed');
          return false;
        },
      );
      for (let tick = 0; tick < round; tick++) {
        await Promise.resolve();
      }
      await complete(id);
      expect(await readBack(id)).toEqual((await second) ? B : A);
      expect(await drained()).toBe(round + 1);
    }
  });

  it('bytes replaced while complete inspects them: the new ones are inspected, even when the old ones are gone by then', async () => {
    const id = await start();
    await put(id, A);
    const { get } = channel;
    const looking = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    channel.get = async (ref, options) => {
      channel.get = get;
      looking.resolve();
      await goOn.promise;
      return get(ref, options);
    };
    const completing = complete(id);
    await looking.promise;
    await put(id, B, world.node());
    expect(await drained()).toBe(1);
    goOn.resolve();
    expect(await completing).toMatchObject({ stored: { file: { size: B.length } } });
    expect(await readBack(id)).toEqual(B);
    expect(await drained()).toBe(1);
  });

  it('bytes replaced while complete finds the old ones wanting', async () => {
    const id = await start();
    await put(id, Buffer.from('not a PDF'));
    const { get } = channel;
    channel.get = async (ref, options) => {
      channel.get = get;
      await put(id, A, world.node());
      return get(ref, options);
    };
    expect(await complete(id)).toMatchObject({ state: 'ready' });
    expect(await readBack(id)).toEqual(A);
    expect(await drained()).toBe(1);
  });

  it('a complete that comes after a transfer was acknowledged sees it, whatever else is under way', async () => {
    const { get } = world.metadata.uploads;
    const answered = Promise.withResolvers<void>();
    const hold = Promise.withResolvers<void>();
    let held = false;
    const slow = world.node({
      metadata: {
        ...world.metadata,
        uploads: {
          ...world.metadata.uploads,
          async get(id) {
            const upload = await get(id);
            if (held) {
              return upload;
            }
            held = true;
            answered.resolve();
            await hold.promise;
            return upload;
          },
        },
      },
    });
    const id = await start();
    const early = complete(id, slow);
    await answered.promise;
    await put(id, A);
    const late = complete(id, slow);
    hold.resolve();
    await expect(early).rejects.toMatchObject({ code: 'upload_not_received' });
    expect(await late).toMatchObject({ state: 'ready' });
  });
});

describe('a revoked owner', () => {
  it('cannot begin a transfer', async () => {
    const id = await start();
    await world.metadata.tokens.remove(world.caller.owner);
    await expect(put(id, A)).rejects.toMatchObject({ code: 'invalid_signature', status: 403 });
    expect(await drained()).toBe(0);
  });

  it('cannot finish one either', async () => {
    const id = await start();
    const body = slowBody();
    const receiving = node.presigned.receive(transfer(id, body.source, world.now()));
    body.push(A);
    await new Promise((resolve) => setImmediate(resolve));
    await world.metadata.tokens.remove(world.caller.owner);
    body.end();
    await expect(receiving).rejects.toMatchObject({ code: 'invalid_signature' });
    expect(await drained()).toBe(0);
  });
});

describe('clocks (R9)', () => {
  it.each([
    ['ahead', dayMs],
    ['behind', -dayMs],
  ])('a clock that goes a day %s after the start loses no received bytes', async (_, offMs) => {
    const id = await start();
    await put(id, A);
    world.advance(offMs);
    await node.maintenance.sweep();
    expect(await complete(id)).toMatchObject({ state: 'ready' });
    await node.maintenance.sweep();
    expect(await drained()).toBe(1);
    expect(await readBack(id)).toEqual(A);
  });

  it('a node a day ahead refuses new transfers, and keeps what others received', async () => {
    const ahead = world.node({ clockOffMs: dayMs });
    const id = await start();
    await expect(
      ahead.presigned.receive(transfer(id, A, world.now() + dayMs)),
    ).rejects.toMatchObject({
      code: 'upload_url_expired',
    });
    await put(id, A);
    await ahead.maintenance.sweep();
    expect(await complete(id, ahead)).toMatchObject({ state: 'ready' });
  });

  it('a few seconds of difference between nodes are forgiven, more are not', async () => {
    const id = await start();
    await node.presigned.receive(transfer(id, A, world.now() + ttlMs + 10_000));
    await expect(
      node.presigned.receive(transfer(id, A, world.now() + ttlMs + 20_000)),
    ).rejects.toMatchObject({
      code: 'upload_url_expired',
    });
    expect(await complete(id)).toMatchObject({ state: 'ready' });
  });
});
