import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { discordBackend, localBackend, telegramBackend } from './backends.ts';
import { type Stowage, startStowage } from './harness.ts';
import { fixture } from './media-client.ts';
import {
  eventually,
  fieldPart,
  filePart,
  jsonOf,
  multipartBody,
  postMultipart,
  srcOf,
  upload,
} from './requests.ts';

let stowage: Stowage;
let telegram: Awaited<ReturnType<typeof telegramBackend>>;
let discord: Awaited<ReturnType<typeof discordBackend>>;

beforeAll(async () => {
  telegram = await telegramBackend();
  discord = await discordBackend();
  const channels = [
    { ...discord.channel, name: 'erste Wahl' },
    localBackend(() => stowage.dataDir).channel,
    telegram.channel,
    { ...telegram.channel, name: 'as-it-is', compress: false },
    { ...telegram.channel, name: 'asleep', enabled: false },
  ];
  stowage = await startStowage({ config: { channels } });
});
afterAll(async () => {
  await stowage?.stop();
  await Promise.all([telegram?.stop(), discord?.stop()]);
});

const photo = { bytes: fixture('photo.jpg'), name: 'photo.jpg', type: 'image/jpeg' };
const whereOf = (response: Response) => response.headers.get('x-stowage-channel');
const refusal = async (query: string) => {
  const response = await upload(stowage, query);
  return [response.status, await response.text()];
};
/** What Telegram was told to do meanwhile. */
const sentDuring = async (work: () => Promise<unknown>): Promise<readonly string[]> => {
  const sends = () =>
    telegram.emulator.calls
      .map(({ method }) => method)
      .filter((method) => method.startsWith('send'));
  const before = sends().length;
  await work();
  return sends().slice(before);
};
const init = (query: string) => {
  const body = new URLSearchParams({
    originalFileName: 'photo.jpg',
    originalFileType: 'image/jpeg',
    totalChunks: '1',
  });
  return stowage.fetch(`/upload?initChunked=true${query}`, { method: 'POST', body });
};

describe('where a file goes', () => {
  it.each([
    ['', 'telegram/telegram'],
    ['?uploadChannel=', 'telegram/telegram'],
    ['?uploadChannel=nonsense', 'telegram/telegram'],
    ['?channelName=none', 'telegram/telegram'],
    ['?uploadChannel=telegram&channelName=none', 'telegram/telegram'],
    ['?uploadChannel=telegram&channelName=asleep', 'telegram/telegram'],
    ['?channelName=as-it-is', 'telegram/as-it-is'],
    ['?uploadChannel=discord', 'discord/erste%20Wahl'],
    ['?channelName=erste%20Wahl&autoRetry=false', 'discord/erste%20Wahl'],
    ['?uploadChannel=DISCORD', 'discord/erste%20Wahl'],
    ['?uploadChannel=cfr2&autoRetry=false', 'local/disk'],
    ['?uploadChannel=s3', 'local/disk'],
  ])('%s: %s, and the answer says so', async (query, where) => {
    const response = await upload(stowage, query);
    expect([response.status, whereOf(response)]).toEqual([200, where]);
    expect(await (await stowage.fetch(await srcOf(response))).text()).toBe('hello');
  });

  it('pages of other origins may read it', async () => {
    const exposed = (await upload(stowage)).headers.get('access-control-expose-headers');
    expect(exposed).toMatch(/X-Stowage-Channel, X-Stowage-Notice/);
  });

  it('a chunked upload likewise, at its beginning and at its end', async () => {
    const begun = await init('');
    expect(whereOf(begun)).toBe('telegram/telegram');
    const { uploadId, sessionInfo } = await jsonOf<{ uploadId: string; sessionInfo: object }>(
      begun,
    );
    expect(sessionInfo).toMatchObject({ uploadChannel: 'telegram' });
    const fields = [
      fieldPart('uploadId', uploadId),
      fieldPart('originalFileName', 'photo.jpg'),
      fieldPart('originalFileType', 'image/jpeg'),
      fieldPart('totalChunks', '1'),
    ];
    const chunk = multipartBody([
      ...fields,
      fieldPart('chunkIndex', '0'),
      filePart(photo.bytes, 'photo.jpg.part000'),
    ]);
    const sent = await sentDuring(async () =>
      expect((await postMultipart(stowage, '/upload?chunked=true', chunk)).status).toBe(200),
    );
    // Never recompressed.
    expect(sent).toEqual(['sendDocument']);
    const merged = await postMultipart(
      stowage,
      '/upload?chunked=true&merge=true',
      multipartBody(fields),
    );
    expect(whereOf(merged)).toBe('telegram/telegram');
    const back = await stowage.fetch(await srcOf(merged));
    expect(Buffer.from(await back.arrayBuffer()).equals(photo.bytes)).toBe(true);
  });
});

describe('with autoRetry=false what is not there is refused', () => {
  it.each([
    [
      'uploadChannel=nonsense',
      'Error: There are no "nonsense" channels; choose from: discord, local, telegram',
    ],
    ['uploadChannel=s3', 'Error: No S3 channel provided'],
    [
      'uploadChannel=telegram&channelName=none',
      'Error: There is no channel "none"; choose from: telegram, as-it-is',
    ],
    [
      'uploadChannel=telegram&channelName=disk',
      'Error: There is no channel "disk"; choose from: telegram, as-it-is',
    ],
    [
      'channelName=none',
      'Error: There is no channel "none"; choose from: erste Wahl, disk, telegram, as-it-is',
    ],
    ['channelName=asleep', 'Error: The channel "asleep" takes no uploads at the moment'],
  ])('%s', async (query, text) => {
    expect(await refusal(`?${query}&autoRetry=false`)).toEqual([400, text]);
    const begun = await init(`&${query}&autoRetry=false`);
    expect([begun.status, await begun.text()]).toEqual([400, text]);
  });

  it('also when the form asks for it too late to be obeyed', async () => {
    const late = (...fields: Parameters<typeof multipartBody>[0]) =>
      postMultipart(stowage, '/upload', multipartBody([filePart('a'), ...fields]));
    const before = telegram.emulator.messages.size;
    const asked = await late(
      fieldPart('uploadChannel', 'discord'),
      fieldPart('autoRetry', 'false'),
    );
    expect([asked.status, await asked.text()]).toEqual([
      400,
      'Error: uploadChannel, channelName, autoRetry and serverCompress must stand before the file in the form',
    ]);
    await eventually(() => expect(telegram.emulator.messages.size).toBe(before));
    const there = await late(
      fieldPart('uploadChannel', 'telegram'),
      fieldPart('autoRetry', 'false'),
    );
    expect([there.status, whereOf(there)]).toEqual([200, 'telegram/telegram']);
    const elsewhere = await late(fieldPart('uploadChannel', 'discord'));
    expect([elsewhere.status, whereOf(elsewhere)]).toEqual([200, 'telegram/telegram']);
  });
});

describe('serverCompress', () => {
  it.each([
    ['', photo, 'sendPhoto'],
    ['?serverCompress=true', photo, 'sendPhoto'],
    ['?serverCompress=', photo, 'sendPhoto'],
    ['?autoRetry=false', photo, 'sendPhoto'],
    ['?serverCompress=false', photo, 'sendDocument'],
    ['?channelName=as-it-is', photo, 'sendDocument'],
    ['?channelName=as-it-is&serverCompress=true', photo, 'sendDocument'],
    // It would come back as JPEG.
    ['', { bytes: fixture('picture.png'), name: 'picture.png', type: 'image/png' }, 'sendDocument'],
    ['', { bytes: 'no picture', name: 'photo.jpg', type: 'image/jpeg' }, 'sendDocument'],
  ] as const)('%s sends %o as told', async (query, file, method) => {
    let src = '';
    expect(await sentDuring(async () => (src = await srcOf(upload(stowage, query, file))))).toEqual(
      [method],
    );
    const read = await stowage.fetch(src);
    const bytes = Buffer.from(await read.arrayBuffer());
    expect(String(bytes.length)).toBe(read.headers.get('content-length'));
    expect(bytes.equals(Buffer.from(file.bytes))).toBe(method === 'sendDocument');
  });

  it('that came too late to keep the bytes is refused', async () => {
    const before = telegram.emulator.messages.size;
    const late = fieldPart('serverCompress', 'false');
    const jpeg = await postMultipart(
      stowage,
      '/upload',
      multipartBody([filePart(photo.bytes, 'a.jpg', 'image/jpeg'), late]),
    );
    expect([jpeg.status, await jpeg.text()]).toEqual([
      400,
      expect.stringMatching(/must stand before the file in the form$/),
    ]);
    await eventually(() => expect(telegram.emulator.messages.size).toBe(before));
    const text = await postMultipart(stowage, '/upload', multipartBody([filePart('a'), late]));
    expect(text.status).toBe(200);
  });

  it('falls back to a document when Telegram takes no photo, whatever autoRetry says', async () => {
    for (const autoRetry of ['true', 'false']) {
      const body = JSON.stringify({
        ok: false,
        error_code: 400,
        description: 'Bad Request: IMAGE_PROCESS_FAILED',
      });
      telegram.emulator.faults.add('sendPhoto', {
        kind: 'status',
        status: 400,
        when: 'before',
        body,
      });
      let src = '';
      const sent = await sentDuring(
        async () => (src = await srcOf(upload(stowage, `?autoRetry=${autoRetry}`, photo))),
      );
      expect(sent).toEqual(['sendPhoto', 'sendDocument']);
      expect(Buffer.from(await (await stowage.fetch(src)).arrayBuffer()).equals(photo.bytes)).toBe(
        true,
      );
    }
  });

  it('does nothing to what comes through the Media API', async () => {
    const sent = await sentDuring(async () => {
      const asked = { filename: 'photo.jpg', content_type: 'image/jpeg', size: photo.bytes.length };
      const presigned = await stowage.fetch('/media/upload', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(asked),
      });
      const { upload_url } = (await jsonOf<{ data: { upload_url: string } }>(presigned)).data;
      const put = {
        method: 'PUT',
        headers: { 'content-type': 'image/jpeg', authorization: '' },
        body: photo.bytes,
      };
      expect((await stowage.fetch(upload_url, put)).status).toBeLessThan(300);
    });
    expect(sent).not.toContain('sendPhoto');
  });
});

describe('uploadChannel=external', () => {
  const external = (
    parts: Parameters<typeof multipartBody>[0],
    query = '?uploadChannel=external',
  ) => postMultipart(stowage, `/upload${query}`, multipartBody(parts));

  it('never stores the dummy file that comes along', async () => {
    const before = telegram.emulator.messages.size;
    const url = fieldPart('url', 'https://elsewhere.example/a.png');
    for (const answer of [
      await external([url, filePart('dummy')]),
      await external([filePart('dummy'), url]),
      await external([filePart('dummy'), url, fieldPart('uploadChannel', 'external')], ''),
    ]) {
      expect([answer.status, await answer.text()]).toEqual([
        400,
        expect.stringMatching(/^Error: External links are not stored/),
      ]);
    }
    const without = await external([filePart('dummy')]);
    expect([without.status, await without.text()]).toEqual([400, 'Error: No url provided']);
    await eventually(() => expect(telegram.emulator.messages.size).toBe(before));
  });
});

it('the size of a photo in pixels is that of the one Telegram keeps', async () => {
  const { default: sharp } = await import('sharp');
  const bytes = await sharp({
    create: { width: 2600, height: 1300, channels: 3, background: '#c8325a' },
  })
    .jpeg()
    .toBuffer();
  await srcOf(upload(stowage, '', { bytes, name: 'wide-photo.jpg', type: 'image/jpeg' }));
  const listed = await (await stowage.fetch('/media?limit=1')).text();
  expect(listed).toMatch(/"filename":"wide-photo\.jpg".*"width":1280,"height":640/);
});
