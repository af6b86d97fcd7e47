import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { neverAborted, newSample, putSample, read } from '../../../test/emulators/channel-kit.ts';
import { emulatedChat, emulatedToken } from '../../../test/emulators/telegram/emulator.ts';
import { telegramScene } from '../../../test/emulators/telegram/scene.ts';
import {
  baseUrl,
  messagesPerMinute,
  segmentLimits,
  telegramSettings,
  tokensOf,
} from './settings.ts';

const parse = (more: Record<string, unknown> = {}) =>
  telegramSettings.parse({ botToken: emulatedToken, chatId: '-100123', ...more });

describe('Telegram settings', () => {
  it.each([
    [{}, 'https://api.telegram.org'],
    [{ apiBase: 'http://127.0.0.1:8081/' }, 'http://127.0.0.1:8081'],
    [{ proxyUrl: 'tg.example.com' }, 'https://tg.example.com'],
    [{ proxyUrl: 'tg.example.com:8443/telegram/' }, 'https://tg.example.com:8443/telegram'],
    [{ proxyUrl: 'http://10.0.0.2:80/tg' }, 'http://10.0.0.2:80/tg'],
  ])('%j -> %s', (more, expected) => {
    expect(baseUrl(parse(more))).toBe(expected);
  });

  it('needs a token that looks like one, and says what is wrong without it', () => {
    expect(telegramSettings.safeParse({ chatId: 1 }).error?.message).toContain(
      'botToken or botTokens is needed',
    );
    const wrong = telegramSettings.safeParse({ chatId: 1, botToken: 'canary-nonsense' });
    expect(wrong.error?.message).toContain('must be a bot token');
    expect(wrong.error?.message).not.toContain('canary');
    for (const botTokens of [
      [emulatedToken, '1:b'],
      `${emulatedToken}\n1:b\n`,
      `${emulatedToken}, 1:b`,
    ]) {
      expect(tokensOf(parse({ botTokens }))).toEqual([emulatedToken, '1:b']);
    }
  });

  it('segments are 16 MiB, at most 20 MiB, and larger on a local server', () => {
    expect(segmentLimits(parse())).toEqual({ min: 1, best: 16 * 2 ** 20, max: 20 * 2 ** 20 });
    const local = parse({ maxUploadBytes: 2_000_000_000, maxDownloadBytes: 2_000_000_000 });
    expect(segmentLimits(local)).toEqual({ min: 1, best: 256 * 2 ** 20, max: 2_000_000_000 });
    expect(segmentLimits({ ...local, segmentBytes: 5e9 }).best).toBe(2_000_000_000);
  });

  it('counts per minute in groups and channels only', () => {
    expect(messagesPerMinute(parse())).toBe(20);
    expect(messagesPerMinute(parse({ chatId: '@files' }))).toBe(20);
    expect(messagesPerMinute(parse({ chatId: 4711 }))).toBe(0);
    expect(messagesPerMinute(parse({ messagesPerMinute: 5 }))).toBe(5);
  });
});

describe('Telegram check', () => {
  it('is content with a bot that may post, also by the name of the channel', async () => {
    const { open, emulator } = await telegramScene();
    await open({ chatId: '@stowage_files' }).check({ signal: neverAborted });
    expect(emulator.messages.size).toBe(0);
  });

  it.each([
    ['not in the chat', { member: false }, /is not in the chat/],
    ['no administrator of the channel', { admin: false }, /may not post/],
  ])('says what is wrong: %s', async (_, rights, words) => {
    const { channel } = await telegramScene({ chats: [{ ...emulatedChat, ...rights }] });
    await expect(channel.check({ signal: neverAborted })).rejects.toMatchObject({
      code: 'channel_unauthorized',
      message: expect.stringMatching(words),
    });
  });

  it('says what is wrong: chat, token', async () => {
    const { open } = await telegramScene();
    await expect(open({ chatId: 77 }).check({ signal: neverAborted })).rejects.toMatchObject({
      code: 'channel_refused',
      message: expect.stringContaining('chat not found'),
    });
    await expect(
      open({ botToken: '1:wrong' }).check({ signal: neverAborted }),
    ).rejects.toMatchObject({
      code: 'channel_unauthorized',
    });
  });
});

describe('a local Bot API server that gives absolute paths', () => {
  it('is read from its folder, and from nowhere else', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'stowage-local-api-'));
    onTestFinished(() => rm(dir, { recursive: true }));
    const { channel, open, emulator } = await telegramScene();
    const { ref } = await putSample(channel, newSample(10));
    const inside = join(dir, 'file');
    await writeFile(inside, '0123456789');
    const local = open({ filesDir: dir });
    const answer = (path: string) =>
      emulator.faults.add('getFile', {
        kind: 'status',
        status: 200,
        when: 'before',
        body: JSON.stringify({ ok: true, result: { file_path: path } }),
      });
    answer('/etc/passwd');
    await expect(read(local, ref)).rejects.toMatchObject({ code: 'channel_refused' });
    const fresh = open({ filesDir: dir });
    answer(inside);
    expect((await read(fresh, ref, { start: 2, end: 4 })).toString()).toBe('234');
  });
});
