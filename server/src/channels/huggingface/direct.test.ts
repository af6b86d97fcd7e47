import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HubEmulatorOptions } from '../../../test/emulators/huggingface/emulator.ts';
import {
  binary,
  expectSame,
  putBytes,
  type Rig,
  readBytes,
  sha256,
  signal,
  startRig,
} from '../../../test/emulators/huggingface/test-support.ts';
import type { Json } from '../../core/bytes.ts';
import type { DirectPlan, DirectUpload } from '../../core/channel.ts';

const run = promisify(execFile);

describe('huggingface direct upload', () => {
  let rig: Rig;
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'direct-'));
  });
  afterEach(async () => {
    await rig.close();
    await rm(folder, { recursive: true, force: true });
  });

  const open = async (options: HubEmulatorOptions = {}): Promise<DirectUpload> => {
    rig = await startRig({ multipartFromBytes: 1_000_000, chunkBytes: 400_000, ...options });
    return rig.channel.direct as DirectUpload;
  };
  const begin = (
    direct: DirectUpload,
    bytes: Buffer,
    more: { key?: string; sha256?: string; size?: number } = {},
  ) => {
    const given = {
      key: `k/${crypto.randomUUID()}`,
      contentType: 'a/b',
      size: bytes.length,
      sha256: sha256(bytes),
      ...more,
    };
    return direct.start({ ...given, sample: bytes.subarray(0, 512), signal });
  };

  /** The client's PUT, by curl; answers the status and the ETag. */
  const curlPut = async (
    url: string,
    bytes: Buffer,
    headers: Readonly<Record<string, string>> = {},
  ) => {
    const path = join(folder, crypto.randomUUID());
    await writeFile(path, bytes);
    const flags = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
    const { stdout } = await run('curl', [
      '-sS',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code} %header{etag}',
      '-T',
      path,
      ...flags,
      url,
    ]);
    const [status = '', etag = ''] = stdout.split(' ');
    return { status: Number(status), etag };
  };
  const action = (plan: DirectPlan) => plan.uploadAction ?? { href: '', header: {} };
  const throughJson = (state: Json): Json => JSON.parse(JSON.stringify(state));

  it('keeps a tiny text and writes it at the commit', async () => {
    const direct = await open();
    const bytes = Buffer.from('just a note\n');
    const plan = await begin(direct, bytes);
    expect(plan).toMatchObject({ needsLfs: false, alreadyExists: false });
    expect(plan.uploadAction).toBeUndefined();
    const result = await direct.commit(throughJson(plan.state), { signal });
    expect(result.size).toBe(bytes.length);
    expect(result.url).toBe(
      `${rig.emulator.url}/datasets/ada/pictures/resolve/main/${plan.filePath}`,
    );
    expectSame(await readBytes(rig.channel, result.ref), bytes);
    expect(await rig.emulator.objects()).toEqual([]);
  });

  it('refuses a tiny text whose hash is another', async () => {
    const direct = await open();
    await expect(
      begin(direct, Buffer.from('note'), { sha256: 'b'.repeat(64) }),
    ).rejects.toMatchObject({
      code: 'checksum_mismatch',
    });
  });

  it.each([
    ['a small binary', binary(300)],
    ['a text beyond the sample', Buffer.from('words and words\n'.repeat(2000))],
    ['a picture', binary(500_000)],
  ])('takes %s by a plain PUT', async (_, bytes) => {
    const direct = await open();
    const plan = await begin(direct, bytes);
    expect(plan).toMatchObject({ needsLfs: true, alreadyExists: false });
    const { href, header } = action(plan);
    expect(Object.values(header).every((value) => typeof value === 'string')).toBe(true);
    expect((await curlPut(href, bytes, header)).status).toBe(200);
    const result = await direct.commit(throughJson(plan.state), { signal });
    expectSame(await readBytes(rig.channel, result.ref), bytes);
    expect(await direct.commit(throughJson(plan.state), { signal })).toEqual(result);
    expect(rig.emulator.commits('ada/pictures')).toHaveLength(1);
    const again = await begin(direct, bytes);
    expect(again).toMatchObject({ needsLfs: true, alreadyExists: true });
    expect(again.uploadAction).toBeUndefined();
    expectSame(
      await readBytes(rig.channel, (await direct.commit(again.state, { signal })).ref),
      bytes,
    );
  });

  it('takes a large file in parts that the client or the server completes', async () => {
    const direct = await open();
    const bytes = binary(1_900_000);
    const plan = await begin(direct, bytes);
    const { href, header } = action(plan);
    expect(header).toMatchObject({
      chunk_size: '400000',
      '00001': expect.stringContaining(rig.emulator.storageUrl),
    });
    const parts = [];
    for (const number of Object.keys(header)
      .filter((name) => /^\d+$/.test(name))
      .sort()) {
      const start = (Number(number) - 1) * 400_000;
      const { status, etag } = await curlPut(
        header[number] ?? '',
        bytes.subarray(start, start + 400_000),
      );
      expect(status).toBe(200);
      parts.push({ partNumber: Number(number), etag });
    }
    expect(parts).toHaveLength(5);
    const wrong = direct.completeMultipart(
      href,
      { oid: sha256(bytes), parts: parts.slice(1) },
      { signal },
    );
    await expect(wrong).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('InvalidPart'),
    });
    expect(await direct.completeMultipart(href, { oid: sha256(bytes), parts }, { signal })).toEqual(
      { success: true },
    );
    const result = await direct.commit(plan.state, { signal });
    expectSame(
      await readBytes(rig.channel, result.ref, { start: 399_990, end: 400_010 }),
      bytes.subarray(399_990, 400_011),
    );
  });

  it.each([{ verify: true }, { verify: false }])(
    'refuses to commit what never arrived, %o',
    async (options) => {
      const direct = await open(options);
      const plan = await begin(direct, binary(5000));
      await expect(direct.commit(plan.state, { signal })).rejects.toMatchObject({
        code: 'upload_not_received',
      });
      expect(rig.emulator.files('ada/pictures')).toEqual([]);
    },
  );

  it.each([{ verify: true }, { verify: false }])(
    'refuses to commit bytes of another size, %o',
    async (options) => {
      const direct = await open(options);
      const bytes = binary(5000);
      const plan = await begin(direct, bytes);
      await curlPut(action(plan).href, bytes.subarray(0, 4000));
      await expect(direct.commit(plan.state, { signal })).rejects.toMatchObject({
        code: 'size_mismatch',
      });
      expect(rig.emulator.files('ada/pictures')).toEqual([]);
    },
  );

  it('does not believe what somebody else uploaded under the hash of another file', async () => {
    const direct = await open();
    const bytes = binary(5000);
    const poison = await begin(direct, bytes);
    await curlPut(action(poison).href, binary(5000));
    const plan = await begin(direct, bytes);
    expect(plan.alreadyExists).toBe(true);
    await expect(direct.commit(plan.state, { signal })).rejects.toMatchObject({
      code: 'channel_refused',
    });
    await expect(putBytes(rig.channel, bytes)).rejects.toMatchObject({ code: 'channel_refused' });
    expect(rig.emulator.files('ada/pictures')).toEqual([]);
  });

  it('overwrites nothing', async () => {
    const direct = await open();
    const kept = binary(700);
    const { ref } = await putBytes(rig.channel, kept, 'k/taken');
    const plan = await begin(direct, Buffer.from('note'), { key: 'k/taken' });
    await expect(direct.commit(plan.state, { signal })).rejects.toMatchObject({ code: 'conflict' });
    expectSame(await readBytes(rig.channel, ref), kept);
  });

  it.each([
    'https://evil.example/api/complete_multipart?x=1',
    'http://127.0.0.1:1/api/complete_multipart',
    'not a url',
    'HUB/api/repos/create',
    'HUB/api/complete_multipart/../repos/create',
    'http://user:pw@HUBHOST/api/complete_multipart',
  ])('completes nowhere else: %s', async (target) => {
    const direct = await open();
    const { url } = rig.emulator;
    const address = target.replace('HUBHOST', new URL(url).host).replace('HUB', url);
    const body = { oid: 'a'.repeat(64), parts: [{ partNumber: 1, etag: '"x"' }] };
    await expect(direct.completeMultipart(address, body, { signal })).rejects.toMatchObject({
      code: 'bad_request',
    });
    expect(rig.emulator.hubLog).toEqual([]);
  });

  it.each([
    null,
    [],
    {},
    { oid: 'x' },
    { oid: 'x', parts: [] },
    { oid: 'x', parts: [{ partNumber: 0, etag: 'y' }] },
  ])('refuses the completion body %j', async (body) => {
    const direct = await open();
    const target = `${rig.emulator.url}/api/complete_multipart`;
    await expect(direct.completeMultipart(target, body as Json, { signal })).rejects.toMatchObject({
      code: 'bad_request',
    });
  });

  it('gives no link away that carries our token', async () => {
    const direct = await open();
    const { token } = rig.emulator;
    const objects = [
      {
        oid: sha256(Buffer.alloc(600)),
        size: 600,
        actions: { upload: { href: 'https://x/y', header: { Authorization: `Bearer ${token}` } } },
      },
    ];
    rig.emulator.faults.add('lfs-batch', {
      kind: 'status',
      when: 'before',
      status: 200,
      body: JSON.stringify({ objects }),
    });
    await expect(begin(direct, Buffer.alloc(600))).rejects.toMatchObject({
      code: 'channel_refused',
    });
  });

  it('holds no secret in state, plan or result', async () => {
    const direct = await open();
    const bytes = binary(2000);
    const plan = await begin(direct, bytes);
    await curlPut(action(plan).href, bytes);
    const result = await direct.commit(plan.state, { signal });
    expect(JSON.stringify([plan, result])).not.toContain(rig.emulator.token);
    expect(JSON.stringify(plan.state)).not.toContain('Signature');
  });
});
