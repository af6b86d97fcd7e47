import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { neverAborted as signal } from '../../../test/emulators/channel-kit.ts';
import { type FaultProxy, startFaultProxy } from '../../../test/services/fault-proxy.ts';
import type { Channel } from '../../core/channel.ts';
import { createWebdavChannel } from './index.ts';
import { webdavSettings } from './settings.ts';

/**
 * What conformance on a redirecting Apache does not show: chains, loops, and where a read must not
 * be led.
 */
describe('webdav: redirects of reads', () => {
  let dav: FaultProxy;
  let site: Server;
  let siteUrl: string;
  let channel: Channel;
  const asked: { readonly url: string; readonly authorization: string | undefined }[] = [];

  beforeAll(async () => {
    site = createServer(({ url = '', headers }, response) => {
      asked.push({ url, authorization: headers.authorization });
      if (url === '/private') {
        response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end();
      } else if (url === '/back') {
        response.writeHead(302, { location: `${dav.url}/elsewhere` }).end();
      } else if (url === '/expired') {
        response.writeHead(403).end('signature expired');
      } else if (url === '/gone') {
        response.writeHead(404).end();
      } else {
        response.end('bytes');
      }
    });
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    siteUrl = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
    dav = await startFaultProxy({});
    channel = createWebdavChannel(
      webdavSettings.parse({
        baseUrl: `${dav.url}/media`,
        username: 'me',
        password: 'canary-password',
      }),
    );
  });

  afterAll(async () => {
    await channel?.close?.();
    await dav?.stop();
    site?.close();
  });

  function redirect(location: string, status = 302, times = 1): void {
    dav.clear();
    asked.length = 0;
    dav.failNext({ kind: 'answer', status, headers: { location } }, { times });
  }

  async function read(): Promise<string> {
    const { stream } = await channel.get({ path: '2026/11/a.bin' }, { signal });
    return Buffer.concat(await Array.fromAsync(stream)).toString();
  }

  it.each([301, 302, 303, 307, 308])(
    'a %i to another port is followed without credentials',
    async (status) => {
      redirect(`${siteUrl}/file?sign=1`, status);
      expect(await read()).toBe('bytes');
      expect(asked).toEqual([{ url: '/file?sign=1', authorization: undefined }]);
    },
  );

  it('a redirect inside the server keeps the credentials, once it has left they stay away', async () => {
    redirect('/media/other/a.bin');
    dav.failNext({
      kind: 'answer',
      status: 200,
      body: 'inside',
      headers: { 'content-length': '6' },
    });
    expect(await read()).toBe('inside');
    expect(dav.seen.map(({ headers }) => headers.authorization !== undefined)).toEqual([
      true,
      true,
    ]);
    redirect(`${siteUrl}/back`);
    dav.failNext({
      kind: 'answer',
      status: 200,
      body: 'around',
      headers: { 'content-length': '6' },
    });
    expect(await read()).toBe('around');
    expect(dav.seen.map(({ headers }) => headers.authorization !== undefined)).toEqual([
      true,
      false,
    ]);
  });

  it.each([
    ['a private neighbour', () => 'http://10.0.0.1/a'],
    ['another name of this machine', () => siteUrl.replace('127.0.0.1', 'localhost')],
    ['loopback in IPv6', () => siteUrl.replace('127.0.0.1', '[::1]')],
    ['a metadata service, by way of an allowed host', () => `${siteUrl}/private`],
  ])('to %s: not followed', async (_, location) => {
    redirect(location());
    const error = await read().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: expect.stringMatching(/^channel_(refused|unavailable)$/) });
    expect(String(error)).toMatch(/private address|no public address/);
    expect(asked.map(({ url }) => url).filter((url) => url !== '/private')).toEqual([]);
  });

  it('what the other place answers: a signature that expired is no wrong password, a file that is gone is gone', async () => {
    redirect(`${siteUrl}/expired`);
    await expect(read()).rejects.toMatchObject({ code: 'channel_unavailable' });
    redirect(`${siteUrl}/gone`);
    await expect(read()).rejects.toMatchObject({ code: 'not_found' });
  });

  it.each([
    ['without end', `/media/again`, 99],
    ['to nothing', 'ftp://127.0.0.1/a', 1],
  ])(
    'a redirect %s ends as an error that keeps the address to itself',
    async (_, location, times) => {
      redirect(`${location}?token=canary-token`, 302, times);
      const error = await read().catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'channel_refused' });
      expect(String(error)).not.toContain('canary');
      expect(dav.seen.length).toBeLessThan(8);
    },
  );
});
