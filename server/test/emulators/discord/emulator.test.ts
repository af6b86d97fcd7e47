import { DiscordAPIError, REST } from '@discordjs/rest';
import { describe, expect, it, onTestFinished } from 'vitest';
import { bufferOf, newSample } from '../channel-kit.ts';
import { type DiscordEmulatorOptions, startDiscordEmulator } from './emulator.ts';

interface Message {
  readonly id: string;
  readonly attachments: readonly {
    readonly id: string;
    readonly url: string;
    readonly size: number;
    readonly filename: string;
  }[];
}

async function withLibrary(options: DiscordEmulatorOptions = {}) {
  const emulator = await startDiscordEmulator(options);
  onTestFinished(() => emulator.stop());
  const rest = new REST({ version: '10', api: emulator.restUrl }).setToken(emulator.token);
  const path = `/channels/${emulator.channelId}/messages` as const;
  const send = (data: Buffer, body: Record<string, unknown> = {}, name = 'report.bin') =>
    rest.post(path, { body, files: [{ name, data }] }) as Promise<Message>;
  return { emulator, rest, path, send };
}

const refusal = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) =>
      error instanceof DiscordAPIError ? [error.status, error.code, error.message] : error,
  );

describe('the Discord emulator, asked by the @discordjs/rest library', () => {
  it('stores a file, gives it back by its signed address, deletes it', async () => {
    const { rest, path, send, emulator } = await withLibrary();
    const bytes = bufferOf(newSample(300_000));
    const { id, attachments } = await send(bytes);
    const [attachment] = attachments;
    expect(attachment).toMatchObject({ filename: 'report.bin', size: 300_000 });
    const url = attachment?.url ?? '';
    expect(Buffer.from(await (await fetch(url)).arrayBuffer()).equals(bytes)).toBe(true);
    const part = await fetch(url, { headers: { range: 'bytes=10-19' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 10-19/300000']);
    expect((await fetch(url.split('?')[0] ?? '')).status).toBe(404);
    expect(((await rest.get(`${path}/${id}`)) as Message).attachments[0]?.id).toBe(attachment?.id);
    await rest.delete(`${path}/${id}`);
    expect((await fetch(url)).status).toBe(404);
    expect(emulator.messages.size).toBe(0);
  });

  it('refreshes addresses that expired', async () => {
    const { rest, send, emulator } = await withLibrary();
    const { attachments } = await send(Buffer.from('hello'));
    const original = attachments[0]?.url ?? '';
    emulator.advance(25 * 3_600_000);
    expect((await fetch(original)).status).toBe(404);
    const answer = (await rest.post('/attachments/refresh-urls', {
      body: { attachment_urls: [original] },
    })) as {
      refreshed_urls: { refreshed: string }[];
    };
    expect(await (await fetch(answer.refreshed_urls[0]?.refreshed ?? '')).text()).toBe('hello');
  });

  it('answers the first message again for an enforced nonce, for some minutes, also after its deletion', async () => {
    const { rest, path, send, emulator } = await withLibrary();
    const nonce = { nonce: 'n-1', enforce_nonce: true };
    const first = await send(Buffer.from('a'), nonce);
    expect((await send(Buffer.from('b'), nonce)).id).toBe(first.id);
    expect((await send(Buffer.from('c'), { nonce: 'n-1' })).id).not.toBe(first.id);
    expect(emulator.messages.size).toBe(2);
    await rest.delete(`${path}/${first.id}`);
    expect(await refusal(send(Buffer.from('d'), nonce))).toEqual([404, 10_008, 'Unknown Message']);
    emulator.advance(6 * 60_000);
    expect((await send(Buffer.from('e'), nonce)).id).not.toBe(first.id);
  });

  it('refuses as the API does', async () => {
    const { rest, path, send, emulator } = await withLibrary({ maxUploadBytes: 1000 });
    expect(await refusal(send(Buffer.alloc(1001)))).toEqual([
      413,
      40_005,
      'Request entity too large',
    ]);
    expect(await refusal(send(Buffer.alloc(0)))).toEqual([
      400,
      50_006,
      'Cannot send an empty message',
    ]);
    expect(await refusal(rest.get('/channels/42/messages/1'))).toEqual([
      404,
      10_003,
      'Unknown Channel',
    ]);
    expect(await refusal(rest.get(`${path}/1`))).toEqual([404, 10_008, 'Unknown Message']);
    const stranger = new REST({ version: '10', api: emulator.restUrl }).setToken('wrong');
    expect(await refusal(stranger.get('/users/@me'))).toEqual([401, 0, '401: Unauthorized']);
  });

  it('has rate limits that the library honours: it slows down, and never sees a 429', async () => {
    const { send, emulator } = await withLibrary({ limit: { count: 3, windowMs: 300 } });
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: 9 }, (_, index) => send(Buffer.from(`${index}`))));
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(600);
    expect(emulator.messages.size).toBe(9);
    expect(emulator.calls.filter(({ status }) => status === 429)).toHaveLength(0);
  });

  it('has 429 answers that the library waits out', async () => {
    const { send, emulator } = await withLibrary();
    emulator.limitEverything(0.2);
    const startedAt = performance.now();
    await send(Buffer.from('a'));
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(200);
    expect(emulator.messages.size).toBe(1);
  });
});
