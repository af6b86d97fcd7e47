import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../services/fault-proxy.ts';
import { s3Missing } from '../services/s3.ts';
import { davMissing } from '../services/webdav.ts';
import {
  type Backend,
  cloudflareBackend,
  discordBackend,
  huggingfaceBackend,
  s3Backends,
  telegramBackend,
  webdavBackend,
} from './backends.ts';
import { type Stowage, startStowage } from './harness.ts';
import { type CurlUser, curlUser } from './http-by-curl.ts';
import { fixturePath } from './media-client.ts';

/** Where each type of channel says its address. */
const addressOf: Readonly<Record<string, string>> = {
  s3: 'endpoint',
  telegram: 'apiBase',
  discord: 'apiBase',
  huggingface: 'endpoint',
  webdav: 'baseUrl',
  cloudflare_images: 'apiBase',
};

/**
 * T3: remotes and proxies in between repeat what they were sent, tokens in addresses and headers
 * included.
 */
describe('secrets of channels', () => {
  let folder: string;
  let stowage: Stowage;
  let user: CurlUser;
  let s3: Awaited<ReturnType<typeof s3Backends>> | undefined;
  const backends: Backend[] = [];
  const proxies = new Map<string, FaultProxy>();
  const stored = new Map<string, string>();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stowage-secrets-'));
    s3 = s3Missing === undefined ? await s3Backends() : undefined;
    backends.push(await telegramBackend(), await discordBackend(), await cloudflareBackend());
    // its address is not the one that the emulator knows itself by
    backends.push(await huggingfaceBackend({ verify: false }));
    backends.push(
      ...(s3?.backends ?? []),
      ...(davMissing('apache') === undefined ? [await webdavBackend()] : []),
    );
    const channels = await Promise.all(backends.map(({ channel }) => throughProxy(channel)));
    stowage = await startStowage({ config: { channels } });
    user = curlUser(stowage, folder);
  });

  afterAll(async () => {
    await stowage?.stop();
    await Promise.all([...proxies.values()].map((proxy) => proxy.stop()));
    await Promise.all(backends.map((backend) => backend.stop()));
    await s3?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function throughProxy(channel: Readonly<Record<string, unknown>>) {
    const type = String(channel.type);
    const setting = addressOf[type] ?? '';
    const address = new URL(String(channel[setting]));
    const proxy = await startFaultProxy({ target: address.origin });
    proxies.set(type, proxy);
    const path = address.pathname === '/' && type !== 'webdav' ? '' : address.pathname;
    return { ...channel, [setting]: `${proxy.url}${path}` };
  }

  const groups = () => [...proxies.keys()];
  const upload = (group: string, query = '') =>
    user.call(
      `/upload?uploadChannel=${group}${query}`,
      '-F',
      `file=@${fixturePath('photo.jpg')};type=image/jpeg;filename=${group}.jpg`,
    );

  /**
   * Whatever is asked, the answer tells back what a remote was sent: a secret key of S3 never is.
   */
  function failAll(status: number): void {
    for (const { channel, secrets } of backends) {
      const type = String(channel.type);
      const told = type === 's3' ? '' : secrets.join(' ');
      const body = bodyOf(type, `you sent ${told} to https://host/bot${told}/x`);
      const headers = { 'content-type': type === 's3' ? 'application/xml' : 'application/json' };
      proxies.get(type)?.failNext({ kind: 'answer', status, body, headers }, { times: 1e6 });
    }
  }

  function bodyOf(type: string, words: string): string {
    if (type === 's3') {
      return `<Error><Code>InternalError</Code><Message>${words}</Message></Error>`;
    }
    if (type === 'cloudflare_images') {
      return JSON.stringify({
        success: false,
        errors: [{ code: 1, message: words }],
        result: null,
      });
    }
    return JSON.stringify({
      ok: false,
      error_code: 400,
      description: words,
      message: words,
      error: words,
      code: 50_000,
    });
  }

  it('are used, so that what follows means something', async () => {
    for (const group of groups()) {
      const answer = await upload(group, '&autoRetry=false&serverCompress=false');
      expect(answer.status, `${group}: ${answer.text}`).toBe(200);
      stored.set(group, JSON.parse(answer.text)[0].src);
    }
    const sent = [...proxies.values()]
      .flatMap(({ seen }) => seen.map(({ url, headers }) => `${url} ${JSON.stringify(headers)}`))
      .join('\n');
    const found = backends
      .flatMap(({ secrets }) => secrets)
      .filter((secret) => sent.includes(secret));
    expect(found.length).toBeGreaterThanOrEqual(4);
  });

  it.each([400, 401, 500])(
    'are not repeated when remotes answer %i and tell them',
    { timeout: 120_000 },
    async (status) => {
      failAll(status);
      for (const group of groups()) {
        const refused = await upload(group, '&autoRetry=false');
        expect(refused.status, group).toBeGreaterThanOrEqual(400);
        const read = await user.call(stored.get(group) ?? '');
        // addresses of downloads are remembered, and lead past the proxy
        if (read.status !== 200) {
          expect(read.text, group).not.toMatch(/you sent|127\.0\.0\.1/);
        }
        const tested = JSON.parse(
          (
            await user.call(
              `/api/manage/channels/${group === 'cloudflare_images' ? 'images' : group}/test`,
              '-X',
              'POST',
            )
          ).text,
        );
        expect(tested.success, group).toBe(false);
      }
      expect((await upload('telegram')).status).toBe(500);
      for (const proxy of proxies.values()) {
        proxy.clear();
      }
    },
  );

  it('are not repeated when nobody answers, by jobs neither', { timeout: 60_000 }, async () => {
    await Promise.all([...proxies.values()].map((proxy) => proxy.stop()));
    // so that no circuit is open
    await stowage.crash();
    for (const group of groups()) {
      expect((await upload(group, '&autoRetry=false')).status, group).toBeGreaterThanOrEqual(400);
      await user.call(stored.get(group) ?? '');
    }
    const { media } = JSON.parse((await user.call('/media?limit=100')).text).data;
    expect(media.length).toBe(groups().length);
    for (const { id } of media) {
      expect((await user.call(`/media/${id}`, '-X', 'DELETE')).status).toBe(200);
    }
    await expect
      .poll(() => stowage.log.filter((line) => line.includes('Job failed')).length)
      .toBeGreaterThanOrEqual(3);
  });

  it('are in no answer, log line, metric or row', async () => {
    await user.call('/metrics');
    await user.call('/api/channels?includeDisabled=true');
    const secrets = backends.flatMap((backend) => backend.secrets);
    const names = (await readdir(stowage.dataDir)).filter((name) => /\.(db|sqlite)/.test(name));
    expect(names).not.toEqual([]);
    const rows = await Promise.all(names.map((name) => readFile(join(stowage.dataDir, name))));
    for (const secret of secrets) {
      expect(user.heard.filter((text) => text.includes(secret))).toEqual([]);
      expect(stowage.log.filter((line) => line.includes(secret))).toEqual([]);
      expect(rows.some((bytes) => bytes.includes(secret))).toBe(false);
    }
  });
});
