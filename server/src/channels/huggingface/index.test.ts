import { afterEach, describe, expect, it } from 'vitest';
import { channelConformance } from '../../../test/conformance/channel.ts';
import type { Fault } from '../../../test/emulators/emulator-kit.ts';
import {
  binary,
  expectSame,
  factsOf,
  inChunks,
  putBytes,
  putOptions,
  type Rig,
  readBytes,
  sha256,
  signal,
  startRig,
} from '../../../test/emulators/huggingface/test-support.ts';
import { streamBody } from '../../core/streams/body.ts';

const secrets = ['hf_emulatorTokenAbcdef0123456789'];

async function fixture(rig: Rig) {
  const { emulator, channel, close } = rig;
  const unfinished = async () =>
    (await emulator.objects()).filter((name) => name.endsWith('.partial'));
  const objects = async () => {
    // The storage notices a moment later that an upload was broken off.
    await expect.poll(unfinished).toEqual([]);
    return emulator.files('ada/pictures').length;
  };
  return { channel, objects, destroy: close };
}

channelConformance('huggingface', {
  secrets,
  create: async () => fixture(await startRig({ multipartFromBytes: 3 * 1024 * 1024 })),
});
channelConformance('huggingface, private repository of an organisation on a branch', {
  secrets,
  create: async () => {
    const rig = await startRig(
      { verify: false },
      { private: true, repo: 'lab/pictures', branch: 'media' },
    );
    return {
      channel: rig.channel,
      objects: async () => rig.emulator.files('lab/pictures', 'media').length,
      destroy: rig.close,
    };
  },
});

describe('huggingface channel', () => {
  let rig: Rig;
  afterEach(() => rig.close());

  it('creates the repository for the organisation, private as set, once for many', async () => {
    rig = await startRig({}, { repo: 'lab/new', private: true });
    await Promise.all([1, 2, 3].map(() => putBytes(rig.channel, binary(100))));
    expect(rig.emulator.repo('lab/new')?.private).toBe(true);
    expect(rig.emulator.hubLog.filter(({ name }) => name === 'create-repo')).toHaveLength(1);
  });

  it('creates the repository again when it was removed behind our back', async () => {
    rig = await startRig();
    await putBytes(rig.channel, binary(100));
    const other = rig.another({ repo: 'ada/gone' });
    await putBytes(other, binary(10));
    rig.emulator.faults.add('preupload', {
      kind: 'status',
      when: 'before',
      status: 404,
      headers: { 'x-error-code': 'RepoNotFound' },
      body: '{}',
    });
    await expect(putBytes(other, binary(10))).rejects.toMatchObject({
      code: 'channel_unavailable',
    });
    await putBytes(other, binary(10));
  });

  it('commits small text as regular files and everything else through LFS', async () => {
    rig = await startRig();
    const text = Buffer.from('hello, text\n'.repeat(1000));
    const { ref } = await putBytes(rig.channel, text, 'a/notes');
    expectSame(await readBytes(rig.channel, ref), text);
    expect(await rig.emulator.objects()).toEqual([]);
    const long = Buffer.from('long text, long text\n'.repeat(60_000));
    const big = await putBytes(rig.channel, long, 'a/long-notes');
    expectSame(await readBytes(rig.channel, big.ref), long);
    expect(await rig.emulator.objects()).toEqual([`ada/pictures/${sha256(long)}`]);
  });

  it('uploads in the parts the hub asks for and honours verify', async () => {
    rig = await startRig({ multipartFromBytes: 1_000_000, chunkBytes: 300_001 });
    const bytes = binary(1_500_000);
    const { ref } = await putBytes(rig.channel, bytes);
    expectSame(await readBytes(rig.channel, ref), bytes);
    expect(rig.emulator.storageLog.filter(({ name }) => name === 'part-put')).toHaveLength(5);
    expect(rig.emulator.hubLog.some(({ name }) => name === 'lfs-verify')).toBe(true);
  });

  it('sends bytes the hub already has no second time', async () => {
    rig = await startRig();
    const bytes = binary(5000);
    const first = await putBytes(rig.channel, bytes);
    const second = await putBytes(rig.channel, bytes);
    expect(rig.emulator.storageLog.filter(({ name }) => name === 'lfs-put')).toHaveLength(1);
    await rig.channel.delete(first.ref, { signal });
    expectSame(await readBytes(rig.channel, second.ref), bytes);
  });

  it('keeps the token away from the storage host', async () => {
    rig = await startRig({}, { private: true });
    const { ref } = await putBytes(rig.channel, binary(70_000));
    await readBytes(rig.channel, ref, { start: 10, end: 20 });
    expect(rig.emulator.storageLog.length).toBeGreaterThan(1);
    expect(rig.emulator.storageLog.every(({ authorization }) => authorization === undefined)).toBe(
      true,
    );
  });

  it('leaves nothing and passes the error on when the source fails during the LFS upload', async () => {
    rig = await startRig();
    const bytes = binary(3_000_000);
    const error = new Error('hung up');
    const source = (async function* () {
      yield* inChunks(bytes.subarray(0, 2_000_000));
      throw error;
    })();
    await expect(
      rig.channel.put(streamBody(source, factsOf(bytes)), putOptions('k/fails.bin')),
    ).rejects.toBe(error);
    expect(rig.emulator.files('ada/pictures')).toEqual([]);
  });

  it.each([
    ['fewer', 2_999_999, 'incomplete_body'],
    ['more', 3_000_001, 'size_mismatch'],
  ])('refuses a source with %s bytes than announced', async (_, actual, code) => {
    rig = await startRig();
    const bytes = binary(3_000_001);
    const facts = { ...factsOf(bytes), size: 3_000_000 };
    const source = inChunks(bytes.subarray(0, actual));
    await expect(
      rig.channel.put(streamBody(source, facts), putOptions('k/short.bin')),
    ).rejects.toMatchObject({ code });
    expect(rig.emulator.files('ada/pictures')).toEqual([]);
  });

  it('tells a full repository, a rate limit and refused credentials apart, in the words of the hub and without secrets', async () => {
    rig = await startRig();
    await putBytes(rig.channel, binary(10));
    const { token } = rig.emulator;
    const answers = [
      [403, 'Private repository storage limit reached', 'channel_full'],
      [
        403,
        `Token ${token} lacks write at https://s3/x?X-Amz-Signature=abc`,
        'channel_unauthorized',
      ],
      [400, 'Bad path', 'channel_refused'],
      [503, 'Maintenance', 'channel_unavailable'],
      [429, 'You can retry this action in 43 minutes.', 'channel_rate_limited'],
    ] as const;
    for (const [status, words, code] of answers) {
      rig.emulator.faults.add('preupload', {
        kind: 'status',
        when: 'before',
        status,
        body: JSON.stringify({ error: words }),
      });
      const error = (await putBytes(rig.channel, binary(10)).catch(
        (reason: unknown) => reason,
      )) as Error;
      expect(error).toMatchObject({ code });
      expect(error.message).toContain(words.split(/ hf_| https/)[0]);
      expect(JSON.stringify([error.message, error.stack, error])).not.toContain(token);
      expect(error.message).not.toContain('abc');
      if (status === 429) {
        expect(error).toMatchObject({ retryAfterMs: 43 * 60_000 });
      }
    }
  });

  it('takes nonsense from the hub for a failure of the hub', async () => {
    rig = await startRig();
    rig.emulator.faults.add('preupload', { kind: 'wrong-json', when: 'before' });
    await expect(putBytes(rig.channel, binary(10))).rejects.toMatchObject({
      code: 'channel_unavailable',
    });
  });

  it('reports a missing repository as something else than a missing file', async () => {
    rig = await startRig();
    await expect(rig.channel.get({ path: 'files/x' }, { signal })).rejects.toMatchObject({
      code: 'channel_refused',
    });
    rig.emulator.addRepo('ada/pictures');
    await expect(rig.channel.get({ path: 'files/x' }, { signal })).rejects.toMatchObject({
      code: 'not_found',
    });
  });

  it('links to public files only', async () => {
    rig = await startRig();
    const { ref } = await putBytes(rig.channel, binary(10), 'k/é.bin'.replace('é', 'e'));
    const url = rig.channel.url?.(ref) ?? '';
    const response = await fetch(url);
    expect(response.status).toBe(200);
    expect(rig.another({ private: true }).url?.(ref)).toBeUndefined();
  });
});

describe('huggingface check', () => {
  let rig: Rig;
  afterEach(() => rig.close());

  it.each([
    ['a wrong token', {}, { token: 'hf_wrongToken000000' }, 'channel_unauthorized'],
    ['a token that may only read', { role: 'read' }, {}, 'channel_unauthorized'],
    ['a missing repository of somebody else', {}, { repo: 'eve/pictures' }, 'channel_unauthorized'],
  ] as const)('refuses %s', async (_, options, settings, code) => {
    rig = await startRig(options, settings);
    const error = (await rig.channel.check({ signal }).catch((reason: unknown) => reason)) as Error;
    expect(error).toMatchObject({ code });
    expect(error.message).not.toContain(settings === undefined ? 'hf_' : 'hf_wrong');
  });

  it('refuses a repository the token may not write to', async () => {
    rig = await startRig({}, { repo: 'eve/public' });
    rig.emulator.addRepo('eve/public');
    await expect(rig.channel.check({ signal })).rejects.toMatchObject({
      code: 'channel_unauthorized',
    });
  });

  it('accepts an existing repository, and a missing one it may create', async () => {
    rig = await startRig();
    await rig.channel.check({ signal });
    rig.emulator.addRepo('ada/pictures');
    await rig.channel.check({ signal });
    expect(rig.emulator.commits('ada/pictures')).toEqual([]);
  });
});

describe('huggingface faults', () => {
  let rig: Rig;
  afterEach(() => rig.close());

  it.each<[string, Fault, string]>([
    ['preupload', { kind: 'status', when: 'before', status: 502 }, 'channel_unavailable'],
    ['lfs-batch', { kind: 'wrong-json', when: 'before' }, 'channel_unavailable'],
    ['lfs-batch', { kind: 'status', when: 'before', status: 413 }, 'too_large'],
    ['lfs-put', { kind: 'reset', when: 'mid-body' }, 'channel_unavailable'],
    ['lfs-put', { kind: 'status', when: 'before', status: 403 }, 'channel_unavailable'],
    ['lfs-put', { kind: 'status', when: 'after', status: 503 }, 'channel_unavailable'],
    ['part-put', { kind: 'reset', when: 'after' }, 'channel_unavailable'],
    ['complete-multipart', { kind: 'status', when: 'after', status: 504 }, 'channel_unavailable'],
    ['lfs-verify', { kind: 'status', when: 'before', status: 500 }, 'channel_unavailable'],
    ['commit', { kind: 'status', when: 'before', status: 401 }, 'channel_unauthorized'],
  ])(
    'a put survives %s going wrong (%o): told honestly, then repeated',
    async (name, fault, code) => {
      rig = await startRig({ multipartFromBytes: 700_000, chunkBytes: 300_000 });
      const bytes =
        name === 'part-put' || name === 'complete-multipart' ? binary(800_000) : binary(600_000);
      rig.emulator.faults.add(name, fault);
      await expect(putBytes(rig.channel, bytes, 'k/one.bin')).rejects.toMatchObject({ code });
      expect(rig.emulator.files('ada/pictures')).toEqual([]);
      const { ref } = await putBytes(rig.channel, bytes, 'k/one.bin');
      expectSame(await readBytes(rig.channel, ref), bytes);
      expect(rig.emulator.files('ada/pictures')).toHaveLength(1);
    },
  );

  it('repeats a put that was stored under the same key already', async () => {
    rig = await startRig();
    const bytes = binary(1000);
    await putBytes(rig.channel, bytes, 'k/same.bin');
    const { ref } = await putBytes(rig.channel, bytes, 'k/same.bin');
    expectSame(await readBytes(rig.channel, ref), bytes);
  });

  it('notices a read that breaks off', async () => {
    rig = await startRig();
    const { ref } = await putBytes(rig.channel, binary(2_000_000));
    rig.emulator.faults.add('storage-get', { kind: 'cut' });
    await expect(readBytes(rig.channel, ref)).rejects.toMatchObject({
      code: 'channel_unavailable',
    });
  });

  it('sends nothing of a body whose object the hub has already', async () => {
    rig = await startRig();
    const bytes = binary(2_000_000);
    await putBytes(rig.channel, bytes);
    let seen = 0;
    const source = (async function* () {
      for await (const chunk of inChunks(bytes)) {
        seen += chunk.length;
        yield chunk;
      }
    })();
    await rig.channel.put(streamBody(source, factsOf(bytes)), putOptions('k/again.bin'));
    expect(seen).toBe(0);
  });
});
