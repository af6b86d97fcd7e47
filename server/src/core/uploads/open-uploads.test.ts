import { beforeEach, describe, expect, it } from 'vitest';
import type { OpenUploadLimit, Upload } from '../metadata.ts';
import { createOpenUploads } from './open-uploads.ts';

const upload = (owner: string) => ({ id: 'u', owner }) as Upload;

let limits: OpenUploadLimit[];
let open: number;
let allowed: boolean;
beforeEach(() => {
  limits = [];
  open = 0;
  allowed = true;
});

const openUploads = createOpenUploads({
  uploads: {
    async add(_, limit) {
      if (limit !== undefined) {
        limits.push(limit);
      }
      return open < (limit?.max ?? 0);
    },
    countOpen: async () => open,
  },
  access: { mayUpload: async () => allowed },
  max: 10,
});

describe('open uploads', () => {
  it.each([
    ['a token', 'token-id', '192.0.2.1', { max: 10 }],
    [
      'the upload code',
      'authCode',
      '192.0.2.1',
      { max: 100, network: { name: '192.0.2.1', max: 10 } },
    ],
    [
      'the upload code, by IPv6',
      'authCode',
      '2001:db8:1:2::3',
      { max: 100, network: { name: '2001:db8:1::/48', max: 10 } },
    ],
    ['anybody', 'anonymous', '192.0.2.1', { max: 100, network: { name: '192.0.2.1', max: 10 } }],
    ['anybody from nowhere', 'anonymous', null, { max: 100, network: { name: '', max: 10 } }],
  ])('of %s have their limit', async (_, owner, ip, limit) => {
    await openUploads.begin(upload(owner), ip);
    expect(limits).toEqual([limit]);
  });

  it('that are too many are refused, before and after', async () => {
    open = 10;
    const refusal = { code: 'rate_limit_exceeded', retryAfterMs: 60_000 };
    await expect(openUploads.admit('token-id')).rejects.toMatchObject(refusal);
    await expect(openUploads.begin(upload('token-id'), null)).rejects.toMatchObject(refusal);
    await openUploads.admit('authCode');
    open = 100;
    await expect(openUploads.admit('authCode')).rejects.toMatchObject(refusal);
  });

  it('are not begun by those who may not upload any more', async () => {
    allowed = false;
    await expect(openUploads.begin(upload('token-id'), null)).rejects.toMatchObject({
      code: 'unauthorized',
    });
    expect(limits).toEqual([]);
  });
});
