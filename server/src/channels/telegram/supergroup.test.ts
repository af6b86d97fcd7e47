import { describe, expect, it } from 'vitest';
import {
  bufferOf,
  newSample,
  putSample,
  putWithRetries,
  read,
  neverAborted as signal,
} from '../../../test/emulators/channel-kit.ts';
import { telegramScene, unpaced } from '../../../test/emulators/telegram/scene.ts';
import { guardChannel } from '../../core/guard/channel-guard.ts';
import { createCircuitBreaker } from '../../core/guard/circuit-breaker.ts';
import { testChannelSteps } from '../../core/storage/test-channel.ts';
import { parseTelegramRef } from './ref.ts';

const group = -4001234567;
const supergroup = -1002001234567;
const groupOptions = { chats: [{ id: group, type: 'group' as const }] };
const groupSettings = { ...unpaced, chatId: group };

describe('a Telegram group that becomes a supergroup', () => {
  it('goes on under the new number, after one refusal', async () => {
    const { channel, emulator } = await telegramScene(groupOptions, groupSettings);
    const before = newSample(1000);
    const { ref: old } = await putSample(channel, before);
    emulator.upgrade(group, supergroup);
    const after = newSample(2000);
    const { ref } = await putWithRetries(channel, after);
    expect(parseTelegramRef(ref).chatId).toBe(String(supergroup));
    await putSample(channel, newSample(10));
    expect(
      emulator.calls.filter(({ method, status }) => method === 'sendDocument' && status === 400),
    ).toHaveLength(1);
    expect(await read(channel, ref)).toEqual(bufferOf(after));
    expect(await read(channel, old)).toEqual(bufferOf(before));
  });

  it('many at once learn of it at once, and none takes the channel for broken', async () => {
    const { channel, emulator } = await telegramScene(groupOptions, groupSettings);
    const breaker = createCircuitBreaker({ threshold: 5, openMs: 60_000, now: Date.now });
    const guarded = guardChannel(channel, {
      callTimeoutMs: 5000,
      idleTimeoutMs: 5000,
      maxConcurrent: 16,
      breaker,
    });
    emulator.upgrade(group, supergroup);
    const samples = Array.from({ length: 16 }, (_, index) => newSample(100 + index));
    await Promise.all(samples.map((sample) => putWithRetries(guarded, sample)));
    expect(emulator.messages.size).toBe(16);
  });

  it('pictures that go out as photos too, without becoming documents', async () => {
    const { channel, emulator } = await telegramScene(groupOptions, groupSettings);
    emulator.upgrade(group, supergroup);
    await expect(putSample(channel, newSample(10), { mayRecompress: true })).rejects.toMatchObject({
      code: 'channel_unavailable',
    });
    await putSample(channel, newSample(10), { mayRecompress: true });
  });

  it('the channel test passes and says which number to set', async () => {
    const { channel, emulator } = await telegramScene(groupOptions, groupSettings);
    expect(channel.notice?.()).toBeUndefined();
    emulator.upgrade(group, supergroup);
    const steps = await testChannelSteps(channel, signal);
    expect(steps.filter(({ ok }) => !ok)).toEqual([]);
    expect(steps[0]?.notice).toContain(`files go to ${supergroup}. Set chatId to that number`);
  });

  it('never deletes under the new number what was sent under the old: it is another message', async () => {
    const { channel, emulator } = await telegramScene(groupOptions, groupSettings);
    const { ref: old } = await putSample(channel, newSample(10));
    emulator.upgrade(group, supergroup);
    await putWithRetries(channel, newSample(10));
    const count = emulator.messages.size;
    await expect(channel.delete(old, { signal })).rejects.toMatchObject({
      code: 'channel_refused',
    });
    expect(emulator.messages.size).toBe(count);
  });
});

describe('what Telegram refuses says what to do', () => {
  it.each([
    [
      'a chat that it does not find',
      { chats: [{ id: -42, type: 'group' as const }] },
      {},
      /start with -100.*administrator/,
    ],
    [
      'a bot that is not in the chat',
      { chats: [{ id: group, type: 'group' as const, member: false }] },
      {},
      /add the bot to the chat/,
    ],
    ['a token that is wrong', groupOptions, { botToken: '1:wrong' }, /check botToken/],
  ])('%s', async (_, options, settings, words) => {
    const { open } = await telegramScene(options, groupSettings);
    const channel = open({ ...groupSettings, ...settings });
    await expect(putSample(channel, newSample(10))).rejects.toThrow(words);
  });
});
