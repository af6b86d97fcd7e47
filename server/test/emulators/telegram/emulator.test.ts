import { Api, GrammyError, InputFile } from 'grammy';
import { describe, expect, it, onTestFinished } from 'vitest';
import { bufferOf, newSample } from '../channel-kit.ts';
import {
  emulatedChat,
  emulatedToken,
  startTelegramEmulator,
  type TelegramEmulatorOptions,
} from './emulator.ts';

async function withGrammy(options: TelegramEmulatorOptions = {}) {
  const emulator = await startTelegramEmulator(options);
  onTestFinished(() => emulator.stop());
  return { emulator, api: new Api(emulator.token, { apiRoot: emulator.url }) };
}

const chatId = emulatedChat.id;

describe('the Telegram emulator, asked by the grammy library', () => {
  it('answers who the bot is and what the chat is', async () => {
    const { api } = await withGrammy();
    expect((await api.getMe()).id).toBe(Number(emulatedToken.split(':')[0]));
    expect((await api.getChat('@stowage_files')).id).toBe(chatId);
    const member = await api.getChatMember(chatId, 1);
    expect(member).toMatchObject({ status: 'administrator', can_post_messages: true });
  });

  it('stores a document sent as attach://, gives it back by getFile, deletes it', async () => {
    const { api, emulator } = await withGrammy();
    const bytes = bufferOf(newSample(300_000));
    const message = await api.sendDocument(chatId, new InputFile(bytes, 'report.bin'));
    expect(message.document).toMatchObject({ file_name: 'report.bin', file_size: 300_000 });
    const file = await api.getFile(message.document?.file_id ?? '');
    const address = `${emulator.url}/file/bot${emulator.token}/${file.file_path}`;
    const whole = await fetch(address);
    expect(Buffer.from(await whole.arrayBuffer()).equals(bytes)).toBe(true);
    const part = await fetch(address, { headers: { range: 'bytes=10-19' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 10-19/300000']);
    await api.deleteMessage(chatId, message.message_id);
    expect((await fetch(address)).status).toBe(404);
    expect(emulator.messages.size).toBe(0);
  });

  it('streams a large body', async () => {
    const { api } = await withGrammy();
    const size = 19 * 2 ** 20;
    const message = await api.sendDocument(
      chatId,
      new InputFile(bufferOf(newSample(size)), 'large.bin'),
    );
    expect(message.document?.file_size).toBe(size);
  });

  it('makes an MP4 of a GIF unless told not to look', async () => {
    const { api } = await withGrammy();
    const gif = Buffer.from('GIF89a, more or less');
    const looked = await api.sendDocument(chatId, new InputFile(gif, 'a.gif'));
    expect(looked.document?.mime_type).toBe('video/mp4');
    const plain = await api.sendDocument(chatId, new InputFile(gif, 'a.gif'), {
      disable_content_type_detection: true,
    });
    expect(plain.document?.file_size).toBe(gif.length);
  });

  it('refuses as the Bot API does', async () => {
    const { api, emulator } = await withGrammy({
      maxUploadBytes: 100_000,
      maxDownloadBytes: 50_000,
    });
    const refusal = (call: Promise<unknown>) =>
      call.then(
        () => undefined,
        (error: unknown) =>
          error instanceof GrammyError ? [error.error_code, error.description] : error,
      );
    const big = new InputFile(Buffer.alloc(100_001), 'big.bin');
    expect(await refusal(api.sendDocument(chatId, big))).toEqual([413, 'Request Entity Too Large']);
    expect(
      await refusal(api.sendDocument(chatId, new InputFile(Buffer.alloc(0), 'empty'))),
    ).toEqual([400, 'Bad Request: file must be non-empty']);
    expect(await refusal(api.sendDocument(404, new InputFile(Buffer.alloc(1), 'a')))).toEqual([
      400,
      'Bad Request: chat not found',
    ]);
    expect(await refusal(api.sendPhoto(chatId, new InputFile(Buffer.alloc(10), 'a.jpg')))).toEqual([
      400,
      'Bad Request: IMAGE_PROCESS_FAILED',
    ]);
    const { document } = await api.sendDocument(
      chatId,
      new InputFile(Buffer.alloc(50_001), 'a.bin'),
    );
    expect(await refusal(api.getFile(document?.file_id ?? ''))).toEqual([
      400,
      'Bad Request: file is too big',
    ]);
    expect(await refusal(api.getFile('nonsense'))).toEqual([400, 'Bad Request: invalid file_id']);
    expect(await refusal(api.deleteMessage(chatId, 999))).toEqual([
      400,
      'Bad Request: message to delete not found',
    ]);
    expect(await refusal(new Api('1:wrong', { apiRoot: emulator.url }).getMe())).toEqual([
      401,
      'Unauthorized',
    ]);
    expect(await refusal(new Api('nonsense', { apiRoot: emulator.url }).getMe())).toEqual([
      404,
      'Not Found',
    ]);
  });

  it('asks to slow down with retry_after', async () => {
    const { api } = await withGrammy({ pace: { perMinute: 2, minuteMs: 5000 } });
    const send = () => api.sendDocument(chatId, new InputFile(Buffer.alloc(1), 'a'));
    await send();
    await send();
    const error = await send().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(GrammyError);
    expect((error as GrammyError).parameters.retry_after).toBeGreaterThanOrEqual(4);
  });

  it('forgets paths after their lifetime, and the right to delete after 48 hours', async () => {
    const chat = { id: -5, type: 'group', admin: false } as const;
    const { api, emulator } = await withGrammy({ chats: [chat] });
    const { document, message_id } = await api.sendDocument(
      chat.id,
      new InputFile(Buffer.alloc(9), 'a'),
    );
    const { file_path } = await api.getFile(document?.file_id ?? '');
    emulator.advance(3_600_000);
    expect((await fetch(`${emulator.url}/file/bot${emulator.token}/${file_path}`)).status).toBe(
      404,
    );
    emulator.advance(48 * 3_600_000);
    await expect(api.deleteMessage(chat.id, message_id)).rejects.toThrow(/can't be deleted/);
  });
});
