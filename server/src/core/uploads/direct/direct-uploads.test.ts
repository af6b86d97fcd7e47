import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  configured,
  createWorld,
  type Node,
  never,
  once,
  type WatchedChannel,
  type World,
  watchedChannel,
} from '../../../../test/core-world.ts';
import type { Caller } from '../../access/access.ts';
import type { Json } from '../../bytes.ts';
import type { DirectUpload } from '../../channel.ts';
import { dayMs, minuteMs } from '../../clock.ts';
import { fail } from '../../errors.ts';
import type { Permission } from '../../metadata.ts';
import { streamBody } from '../../streams/body.ts';
import type { DirectCommit } from './direct-details.ts';
import type { DirectRequest, DirectTicket } from './direct-start.ts';

const bytes = Buffer.from('what the browser sends');
const sha256 = createHash('sha256').update(bytes).digest('hex');

interface DirectStore {
  readonly channel: WatchedChannel;
  /** By hash: sent by the client, readable by nobody. */
  readonly sent: Map<string, Buffer>;
  commits: number;
}

/** Takes bytes by their hash from anybody, and shows them under a path once they are committed. */
function directStore(): DirectStore {
  const channel = watchedChannel();
  const store: DirectStore = {
    channel: Object.assign(channel, { remote: true }),
    sent: new Map(),
    commits: 0,
  };
  const direct: DirectUpload = {
    repo: 'owner/name',
    isPrivate: false,
    async start({ key, sha256: oid, size }) {
      const state: Json = { key, oid, size };
      const alreadyExists = store.sent.has(oid);
      const uploadAction = { href: `https://lfs.example/${oid}`, header: {} };
      return {
        filePath: `files/${key}`,
        needsLfs: true,
        alreadyExists,
        state,
        ...(alreadyExists ? {} : { uploadAction }),
      };
    },
    completeMultipart: async () => ({ success: true }),
    async commit(state) {
      store.commits++;
      const { key, oid, size } = state as { key: string; oid: string; size: number };
      const found = store.sent.get(oid);
      if (found?.length !== size) {
        throw fail('upload_not_received');
      }
      await channel.put(streamBody(once(found)), { key, contentType: '', signal: never });
      return { ref: key, size, url: `https://hub.example/${key}` };
    },
  };
  Object.assign(channel, { direct });
  return store;
}

let store: DirectStore;
let world: World;
let node: Node;
beforeEach(async () => {
  store = directStore();
  world = await createWorld({ channels: [configured(store.channel, 'hub', 'huggingface')] });
  node = world.node();
});
afterEach(() => world.stop());

const choice = (name?: string) => ({ group: 'huggingface', name, fallback: false });

function request(fields: Partial<DirectRequest> = {}): DirectRequest {
  return {
    ...{
      filename: 'notes.txt',
      contentType: 'text/plain',
      size: bytes.length,
      sha256,
      sample: bytes,
    },
    ...{ choice: choice(), folder: 'docs', nameMode: 'origin', ip: null },
    ...fields,
  };
}
const start = (fields = {}, on = node): Promise<DirectTicket> =>
  on.direct.start(request(fields), world.caller);
const asCommit = (
  { path, plan }: DirectTicket,
  fields: Partial<DirectCommit> = {},
): DirectCommit => ({
  ...{ path, filePath: plan.filePath, sha256, size: bytes.length },
  ...fields,
});
const commit = (ticket: DirectTicket, fields = {}, on = node) =>
  on.direct.commit(asCommit(ticket, fields), world.caller);
const send = (): void => void store.sent.set(sha256, bytes);

describe('direct upload', () => {
  it('becomes a file once the store has the bytes', async () => {
    const ticket = await start();
    expect(ticket).toMatchObject({
      path: 'docs/notes.txt',
      channelName: 'hub',
      repo: 'owner/name',
    });
    await expect(commit(ticket)).rejects.toMatchObject({ code: 'upload_not_received' });
    send();
    const { stored, url } = await commit(ticket);
    expect(stored.file).toMatchObject({
      path: 'docs/notes.txt',
      size: bytes.length,
      folder: 'docs',
    });
    expect(stored.blob.sha256).toBe(sha256);
    expect(url).toMatch(/^https:\/\/hub\.example\//);
    expect(await world.read(node, stored)).toEqual(bytes);
  });

  it('bytes that the store has already need no upload', async () => {
    send();
    const ticket = await start();
    expect(ticket.plan).toMatchObject({ alreadyExists: true });
    expect((await commit(ticket)).stored.file.path).toBe('docs/notes.txt');
  });

  it.each([
    ['another path', { path: 'docs/other.txt' }],
    ['a file path that was never issued', { filePath: 'files/2026/11/0.txt' }],
    ['a file path of another upload with more', { filePath: '../../files' }],
    ['another hash', { sha256: '0'.repeat(64) }],
    ['another size', { size: 1 }],
    ['an upper-case hash', { sha256: sha256.toUpperCase() }],
  ])('%s commits nothing (T15)', async (_, fields) => {
    send();
    const ticket = await start();
    await expect(commit(ticket, fields)).rejects.toMatchObject({
      code: 'insufficient_scope',
      status: 403,
    });
    expect(store.commits).toBe(0);
    expect(store.channel.refs.size).toBe(0);
  });

  it('of somebody else commits nothing, not even for a manager of all tokens (T15)', async () => {
    send();
    const ticket = await start();
    const other: Caller = {
      owner: 'somebody',
      permissions: new Set(['upload', 'manage']),
      token: undefined,
    };
    await expect(node.direct.commit(asCommit(ticket), other)).rejects.toMatchObject({
      code: 'insufficient_scope',
    });
    expect(store.commits).toBe(0);
  });

  it('larger than any file may be is neither issued nor committed', async () => {
    const size = 2 ** 40 + 1;
    await expect(start({ size })).rejects.toMatchObject({ code: 'too_large', status: 413 });
    const ticket = await start();
    await expect(commit(ticket, { size })).rejects.toMatchObject({ code: 'too_large' });
  });

  it('ids of other kinds of uploads are no direct uploads', async () => {
    const ticket = await start();
    await expect(node.presigned.complete(ticket.plan.filePath, world.caller)).rejects.toMatchObject(
      { code: 'not_found' },
    );
    expect(await node.presigned.cancel(ticket.plan.filePath)).toBe(false);
  });
});

describe('names', () => {
  it('a name taken between start and commit: the next free one, and nothing is overwritten', async () => {
    send();
    const [one, two] = [await start(), await start()];
    expect(one.path).toBe(two.path);
    const first = await commit(one);
    const second = await commit(two);
    expect(first.stored.file.path).toBe('docs/notes.txt');
    expect(second.stored.file.path).not.toBe('docs/notes.txt');
    expect(await node.files.getByPath('docs/notes.txt')).toEqual(first.stored);
    expect((await start()).path).not.toBe('docs/notes.txt');
  });

  it('twenty commits of one name at once are twenty files', async () => {
    send();
    const tickets = await Promise.all(Array.from({ length: 20 }, () => start()));
    const other = world.node();
    const done = await Promise.all(
      tickets.map((ticket, at) => commit(ticket, {}, at % 2 ? node : other)),
    );
    expect(new Set(done.map(({ stored }) => stored.file.path)).size).toBe(20);
    expect(new Set(done.map(({ stored }) => stored.blob.id)).size).toBe(20);
    expect(store.channel.refs.size).toBe(20);
  });
});

describe('a repeated commit', () => {
  it('gets the same answer, later and at once, on any node', async () => {
    send();
    const ticket = await start();
    const other = world.node();
    const answers = await Promise.all([
      commit(ticket),
      commit(ticket, {}, other),
      commit(ticket),
      commit(ticket, {}, other),
    ]);
    answers.push(await commit(ticket));
    for (const answer of answers) {
      expect(answer).toEqual(answers[0]);
    }
    expect(await world.metadata.files.list({ limit: 10, offset: 0 })).toMatchObject({ total: 1 });
    await node.jobs.drain();
    expect(store.channel.refs.size).toBe(1);
  });

  it('after the file was deleted does not bring it back', async () => {
    send();
    const ticket = await start();
    const { stored } = await commit(ticket);
    await node.files.remove(stored.file.id);
    await expect(commit(ticket)).rejects.toMatchObject({ code: 'not_found' });
    await node.jobs.drain();
    expect(store.channel.refs.size).toBe(0);
  });

  it('whose row got lost on the way to the database is done again', async () => {
    send();
    const ticket = await start();
    const { files } = world.metadata;
    const flaky = world.node({
      metadata: {
        ...world.metadata,
        files: { ...files, add: () => Promise.reject(fail('service_unavailable')) },
      },
    });
    await expect(commit(ticket, {}, flaky)).rejects.toMatchObject({ code: 'service_unavailable' });
    expect((await commit(ticket)).stored.file.path).toBe('docs/notes.txt');
    expect(store.channel.refs.size).toBe(1);
  });
});

describe('expiry', () => {
  it('what the store took but nobody promised is removed when the upload is swept', async () => {
    send();
    const ticket = await start();
    const { files } = world.metadata;
    const crashing = world.node({
      metadata: {
        ...world.metadata,
        files: { ...files, add: () => Promise.reject(new Error('crash')) },
      },
    });
    await expect(commit(ticket, {}, crashing)).rejects.toThrow('crash');
    expect(store.channel.refs.size).toBe(1);
    world.advance(dayMs + 1);
    expect(await node.maintenance.sweep()).toBe(1);
    world.advance(10 * minuteMs);
    await node.jobs.drain();
    expect(store.channel.refs.size).toBe(0);
    await expect(commit(ticket)).rejects.toMatchObject({ code: 'insufficient_scope' });
  });

  it('a commit under way while its upload is swept leaves no orphan', async () => {
    send();
    const ticket = await start();
    const { put } = store.channel;
    store.channel.put = async (...args) => {
      world.advance(dayMs + 1);
      await node.maintenance.sweep();
      await node.jobs.drain();
      return put(...args);
    };
    await expect(commit(ticket)).rejects.toMatchObject({ code: 'insufficient_scope' });
    world.advance(10 * minuteMs);
    await node.jobs.drain();
    expect(store.channel.refs.size).toBe(0);
  });

  it('a committed file stays when its upload is swept', async () => {
    send();
    const { stored } = await commit(await start());
    world.advance(3 * dayMs);
    await node.maintenance.sweep();
    world.advance(dayMs);
    await node.jobs.drain();
    expect(await world.read(node, stored)).toEqual(bytes);
  });
});

describe('bytes that the store has of somebody else (T30)', () => {
  const other = async (permissions: readonly Permission[]): Promise<Caller> => {
    const { record } = await node.access.createToken({ name: 'other', permissions });
    return { owner: record.id, permissions: new Set(record.permissions), token: record };
  };
  const theirs = async () => {
    const ticket = await start();
    send();
    await commit(ticket);
  };

  it('are said to be there, and taken over, where the caller may list or brought them', async () => {
    await theirs();
    expect((await start()).plan.alreadyExists).toBe(true);
    const reader = await other(['upload', 'list']);
    const ticket = await node.direct.start(request(), reader);
    expect(ticket).toMatchObject({ plan: { alreadyExists: true }, proof: undefined });
    await node.direct.commit(asCommit(ticket), reader);
  });

  it('are not said to be there to those who may only upload, who have to show them', async () => {
    await theirs();
    const stranger = await other(['upload']);
    const ticket = await node.direct.start(request(), stranger);
    expect(ticket.plan.alreadyExists).toBe(false);
    const id = ticket.proof?.uploadId ?? '';
    await expect(node.direct.commit(asCommit(ticket), stranger)).rejects.toMatchObject({
      code: 'upload_not_received',
    });
    for (const wrong of [
      Buffer.from('what the browser sendz'),
      bytes.subarray(1),
      Buffer.alloc(0),
    ]) {
      await expect(node.direct.receive(id, once(wrong))).rejects.toMatchObject({
        code: 'checksum_mismatch',
      });
    }
    await expect(
      node.direct.receive(id, once(Buffer.concat([bytes, bytes]))),
    ).rejects.toMatchObject({ code: 'too_large' });
    await expect(node.direct.commit(asCommit(ticket), stranger)).rejects.toMatchObject({
      code: 'upload_not_received',
    });
    await node.direct.receive(id, once(bytes));
    const { stored } = await node.direct.commit(asCommit(ticket), stranger);
    expect(await world.read(node, stored)).toEqual(bytes);
    // From now on they are the caller's own.
    expect((await node.direct.start(request(), stranger)).plan.alreadyExists).toBe(true);
    await expect(node.direct.receive(id, once(bytes))).rejects.toMatchObject({
      code: 'already_completed',
    });
  });

  it('are not taken over with a ticket from before they were there', async () => {
    const stranger = await other(['upload']);
    const early = await node.direct.start(request(), stranger);
    expect(early.proof).toBeUndefined();
    await theirs();
    await expect(node.direct.commit(asCommit(early), stranger)).rejects.toMatchObject({
      code: 'upload_not_received',
    });
  });

  it('are not had for other bytes that were brought to another store under that hash', async () => {
    const second = directStore();
    const channels = [
      configured(store.channel, 'hub', 'huggingface'),
      configured(second.channel, 'more', 'huggingface'),
    ];
    const both = await createWorld({ channels });
    const { direct, access } = both.node();
    const { record } = await access.createToken({ name: 'stranger', permissions: ['upload'] });
    const stranger: Caller = {
      owner: record.id,
      permissions: new Set(record.permissions),
      token: record,
    };
    const early = await direct.start(request({ choice: choice('more') }), stranger);
    // A hub files objects under the hash that their uploader claims.
    second.sent.set(sha256, Buffer.alloc(bytes.length));
    await direct.commit(asCommit(early), stranger);
    send();
    expect(await direct.start(request({ choice: choice('hub') }), stranger)).toMatchObject({
      plan: { alreadyExists: false },
      proof: { uploadId: expect.any(String) },
    });
    await both.stop();
  });

  it('are the same file for several commits at once of one upload by the code', async () => {
    const household: Caller = {
      owner: 'authCode',
      permissions: new Set(['upload']),
      token: undefined,
    };
    const ticket = await node.direct.start(request(), household);
    send();
    const files = await Promise.all(
      Array.from({ length: 5 }, () => node.direct.commit(asCommit(ticket), household)),
    );
    expect(new Set(files.map(({ stored }) => stored.file.id)).size).toBe(1);
    const again = await node.direct.start(request(), household);
    expect(again).toMatchObject({
      plan: { alreadyExists: false },
      proof: { uploadId: expect.any(String) },
    });
  });

  it('are not looked at for a caller who may not upload any more', async () => {
    await theirs();
    const stranger = await other(['upload']);
    const ticket = await node.direct.start(request(), stranger);
    await world.metadata.tokens.remove(stranger.owner);
    await expect(
      node.direct.receive(ticket.proof?.uploadId ?? '', once(bytes)),
    ).rejects.toMatchObject({
      code: 'invalid_signature',
    });
    await expect(node.direct.receive('direct_none', once(bytes))).rejects.toMatchObject({
      code: 'not_found',
    });
  });
});
