import { randomBytes } from 'node:crypto';
import {
  commit,
  createRepo,
  deleteFile,
  downloadFile,
  fileExists,
  listFiles,
  pathsInfo,
  repoExists,
  uploadFile,
  uploadFiles,
  whoAmI,
} from '@huggingface/hub';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type HubEmulator, startHubEmulator } from './emulator.ts';

/** The service's own client library is the judge of the emulator. */
describe('hub emulator under @huggingface/hub', () => {
  let emulator: HubEmulator;
  let common: { hubUrl: string; accessToken: string; repo: { type: 'dataset'; name: string } };

  beforeEach(async () => {
    emulator = await startHubEmulator({ multipartFromBytes: 1_000_000, chunkBytes: 400_000 });
    common = {
      hubUrl: emulator.url,
      accessToken: emulator.token,
      repo: { type: 'dataset', name: 'lab/things' },
    };
    await createRepo({ ...common });
  });
  afterEach(() => emulator.close());

  const read = async (path: string) => {
    const blob = await downloadFile({ ...common, path });
    return blob === null ? null : Buffer.from(await blob.arrayBuffer());
  };

  it('knows who calls and which repositories there are', async () => {
    expect(await whoAmI(common)).toMatchObject({
      name: 'ada',
      auth: { accessToken: { role: 'write' } },
    });
    expect(await repoExists({ ...common })).toBe(true);
    expect(await repoExists({ ...common, repo: { type: 'dataset', name: 'lab/nothing' } })).toBe(
      false,
    );
    await expect(createRepo({ ...common })).rejects.toThrow(/already created/);
    await expect(whoAmI({ ...common, accessToken: 'hf_other' })).rejects.toThrow(
      /Invalid credentials/,
    );
  });

  it.each([
    ['a small text', 'notes/a b.txt', Buffer.from('hello\n'), true],
    ['an empty file', 'notes/empty', Buffer.alloc(0), true],
    ['a picture by basic transfer', 'p/x.png', randomBytes(200_000), true],
    ['a video in parts', 'v/x.mp4', randomBytes(1_300_000), true],
    ['a video with xet turned off', 'v/y.mp4', randomBytes(1_300_000), false],
  ])('uploads and downloads %s', async (_, path, bytes, useXet) => {
    await uploadFile({
      ...common,
      file: { path, content: new Blob([Uint8Array.from(bytes)]) },
      useXet,
    });
    expect(await fileExists({ ...common, path })).toBe(true);
    // The library asks for bytes=0-0 and cannot tell the size of an empty file.
    if (bytes.length > 0) {
      expect((await read(path))?.equals(bytes)).toBe(true);
    }
    const [info] = await pathsInfo({ ...common, paths: [path, 'nothing'] });
    expect(info).toMatchObject({ path, size: bytes.length, type: 'file' });
  });

  it('reads slices, lists and deletes', async () => {
    const picture = Buffer.from(Array.from({ length: 3000 }, (_, index) => index % 251));
    const files = ['a/1.png', 'a/2.txt', 'b/3.png'].map((path) => ({
      path,
      content: new Blob([picture]),
    }));
    await uploadFiles({ ...common, files });
    const blob = await downloadFile({ ...common, path: 'a/1.png' });
    const slice = Buffer.from((await blob?.slice(100, 200).arrayBuffer()) ?? new ArrayBuffer(0));
    expect(slice).toEqual(picture.subarray(100, 200));
    await deleteFile({ ...common, path: 'a/2.txt' });
    const paths = (await Array.fromAsync(listFiles({ ...common, recursive: true }))).map(
      ({ path }) => path,
    );
    expect(paths).toEqual(expect.arrayContaining(['.gitattributes', 'a/1.png', 'b/3.png']));
    expect(paths).not.toContain('a/2.txt');
    expect(await downloadFile({ ...common, path: 'a/2.txt' })).toBeNull();
    expect(emulator.commits('lab/things')).toHaveLength(2);
  });

  it('refuses a commit on an old parent', async () => {
    const add = (parentCommit: string) =>
      commit({
        ...common,
        title: 'x',
        parentCommit,
        operations: [{ operation: 'addOrUpdate', path: 'x', content: new Blob(['x']) }],
      });
    const head = emulator.repo('lab/things')?.branches.get('main')?.head ?? '';
    await add(head);
    await expect(add(head)).rejects.toMatchObject({ statusCode: 412 });
  });

  it('refuses binary content outside LFS, and pointers to objects that were never uploaded', async () => {
    const post = async (line: unknown) => {
      const body = [{ key: 'header', value: { summary: 'x' } }, line]
        .map((part) => JSON.stringify(part))
        .join('\n');
      const headers = {
        authorization: `Bearer ${emulator.token}`,
        'content-type': 'application/x-ndjson',
      };
      return fetch(`${emulator.url}/api/datasets/lab/things/commit/main`, {
        method: 'POST',
        headers,
        body,
      });
    };
    const content = Buffer.from([0, 1, 2]).toString('base64');
    expect(
      (await post({ key: 'file', value: { path: 'x', content, encoding: 'base64' } })).status,
    ).toBe(400);
    expect(
      (
        await post({
          key: 'lfsFile',
          value: { path: 'x', algo: 'sha256', oid: 'a'.repeat(64), size: 3 },
        })
      ).status,
    ).toBe(400);
    expect(emulator.files('lab/things')).toEqual([]);
  });

  it('hides private repositories and takes no writes without the token', async () => {
    emulator.addRepo('lab/hidden', true);
    const response = await fetch(`${emulator.url}/api/datasets/lab/hidden`);
    expect([response.status, response.headers.get('x-error-code')]).toEqual([401, 'RepoNotFound']);
    const commitResponse = await fetch(`${emulator.url}/api/datasets/lab/things/commit/main`, {
      method: 'POST',
      body: '',
    });
    expect(commitResponse.status).toBe(403);
  });
});
