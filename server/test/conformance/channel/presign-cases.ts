import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import type { Presign, PresignedUpload } from '../../../src/core/channel.ts';
import { bufferOf, type Sample } from './data.ts';
import { type ChannelCase, type Subject, throughJson } from './subject.ts';

const run = promisify(execFile);
const signal = new AbortController().signal;

async function begin(subject: Subject, filename = 'picture.png') {
  const presign = subject.channel.presign;
  if (presign === undefined) {
    throw new Error('no presign');
  }
  const sample = subject.sample(20_000);
  const upload = await presign.start({
    key: subject.key(),
    contentType: 'image/png',
    filename,
    size: sample.size,
    expiresInSeconds: 300,
    signal,
  });
  if (upload === undefined) {
    throw new Error('the channel takes no image/png');
  }
  const state = throughJson(upload.state);
  subject.expectNoSecrets({ upload, state });
  return { presign, sample, upload, state };
}

/** What a client with nothing but `fetch` does; answers the status. */
async function send(
  upload: PresignedUpload,
  bytes: Buffer<ArrayBufferLike>,
  headers = upload.headers,
): Promise<number> {
  const body = Uint8Array.from(bytes);
  const response = await fetch(upload.url, {
    method: upload.method,
    headers,
    body: upload.method === 'PUT' ? body : formOf(upload, body),
  });
  await response.text();
  return response.status;
}

function formOf(upload: PresignedUpload, body: Uint8Array<ArrayBuffer>): FormData {
  const form = new FormData();
  form.append(upload.fieldName ?? 'file', new Blob([body], { type: 'image/png' }), 'picture.png');
  return form;
}

async function curl(upload: PresignedUpload, bytes: Buffer): Promise<number> {
  const headers = Object.entries(upload.headers).flatMap(([name, value]) => [
    '-H',
    `${name}: ${value}`,
  ]);
  const body =
    upload.method === 'PUT'
      ? ['-X', 'PUT', '--data-binary', '@-']
      : ['-F', `${upload.fieldName ?? 'file'}=@-;filename=picture.png;type=image/png`];
  const child = run('curl', [
    '-sS',
    '-o',
    '/dev/null',
    '-w',
    '%{http_code}',
    ...headers,
    ...body,
    upload.url,
  ]);
  child.child.stdin?.end(bytes);
  return Number((await child).stdout);
}

async function expectArrived(
  subject: Subject,
  { presign, state, sample }: { presign: Presign; state: PresignedUpload['state']; sample: Sample },
) {
  const arrival = await presign.head(state, { signal });
  expect(arrival?.size).toBe(sample.size);
  subject.expectNoSecrets(arrival);
  await subject.expectBytes(throughJson(arrival?.ref ?? null), sample);
}

export const presignCases: readonly ChannelCase[] = [
  {
    name: 'presign: upload with fetch, head before and after',
    needs: 'presign',
    run: async (subject) => {
      const transfer = await begin(subject);
      expect(await transfer.presign.head(transfer.state, { signal })).toBeUndefined();
      expect(await send(transfer.upload, bufferOf(transfer.sample))).toBeLessThan(300);
      await expectArrived(subject, transfer);
    },
  },
  {
    name: 'presign: upload with curl',
    needs: 'presign',
    run: async (subject) => {
      const transfer = await begin(subject, 'naïve "quote" 日本語.png');
      expect(await curl(transfer.upload, bufferOf(transfer.sample))).toBeLessThan(300);
      await expectArrived(subject, transfer);
    },
  },
  {
    name: 'presign: abort removes what arrived and may be repeated',
    needs: 'presign',
    run: (subject) =>
      subject.leavesNothing(async () => {
        const { presign, upload, state, sample } = await begin(subject);
        expect(await send(upload, bufferOf(sample))).toBeLessThan(300);
        const arrival = await presign.head(state, { signal });
        await presign.abort(state, { signal });
        await presign.abort(state, { signal });
        expect(await presign.head(state, { signal })).toBeUndefined();
        await subject.expectGone(arrival?.ref ?? null);
      }),
  },
  {
    name: 'presign: abort before anything arrived',
    needs: 'presign',
    run: async (subject) => {
      const { presign, state } = await begin(subject);
      await presign.abort(state, { signal });
      expect(await presign.head(state, { signal })).toBeUndefined();
    },
  },
  {
    name: 'presign: another content type than the signed one is refused',
    needs: 'presign',
    run: async (subject) => {
      const { presign, upload, state, sample } = await begin(subject);
      const signed = Object.keys(upload.headers).find(
        (name) => name.toLowerCase() === 'content-type',
      );
      if (signed === undefined) {
        return;
      }
      const status = await send(upload, bufferOf(sample), {
        ...upload.headers,
        [signed]: 'text/html',
      });
      expect(status).toBeGreaterThanOrEqual(400);
      expect(await presign.head(state, { signal })).toBeUndefined();
    },
  },
];
