import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Backend, telegramBackend } from './backends.ts';
import { type Stowage, startStowage } from './harness.ts';
import { jsonOf, srcOf, upload } from './requests.ts';
import { createToken } from './tokens.ts';

interface Member {
  readonly name: string;
  readonly fixed: boolean;
  readonly enabled: boolean;
  readonly [field: string]: unknown;
}
type Groups = Readonly<
  Record<string, { channels: Member[]; loadBalance: { enabled: boolean; channels: unknown[] } }>
>;

let stowage: Stowage;
let telegram: Backend;
beforeAll(async () => {
  telegram = await telegramBackend();
  stowage = await startStowage({
    config: {
      channels: [
        { type: 'local', name: 'disk' },
        { type: 's3', name: 'given', bucket: 'bucket', accessKeyId: 'a', secretAccessKey: 'b' },
      ],
    },
  });
});
afterAll(async () => {
  await stowage?.stop();
  await telegram?.stop();
});

const sysConfig = (name: string) => `/api/manage/sysConfig/${name}`;

async function post(path: string, body: unknown) {
  const response = await stowage.fetch(path, { method: 'POST', body: JSON.stringify(body) });
  const text = await response.text();
  return { status: response.status, text, body: JSON.parse(text) };
}

describe('sysConfig/upload', () => {
  const read = () => jsonOf<Groups>(stowage.fetch(sysConfig('upload')));
  const token = '123456:CANARY-page-0123456789-abcdefghij';
  /** As the page makes a new one. */
  const chat = {
    id: 1,
    name: 'chat',
    type: 'TelegramNew',
    savePath: 'database',
    botToken: token,
    chatId: '-1001',
    proxyUrl: '',
    enabled: true,
    fixed: false,
    quota: { enabled: true, limitGB: 7, threshold: 90 },
  };

  it('has the six groups, with fixed channels of the configuration', async () => {
    const groups = await read();
    expect(Object.keys(groups)).toEqual([
      'telegram',
      'cfr2',
      's3',
      'discord',
      'huggingface',
      'webdav',
    ]);
    for (const { loadBalance } of Object.values(groups)) {
      expect(loadBalance).toEqual({ enabled: false, channels: [] });
    }
    expect(groups.s3?.channels).toEqual([
      expect.objectContaining({
        id: 1,
        name: 'given',
        type: 'S3',
        savePath: 'environment variable',
        enabled: true,
        fixed: true,
        bucketName: 'bucket',
        accessKeyId: '********',
        secretAccessKey: '********',
        quota: { enabled: false, limitGB: 10, threshold: 95 },
      }),
    ]);
  });

  it('takes what the page sends back, secrets blank or masked', async () => {
    const made = await post(sysConfig('upload'), {
      telegram: { channels: [chat], loadBalance: { enabled: true, channels: [] } },
    });
    expect(made.status, made.text).toBe(200);
    expect(made.text).not.toContain('CANARY');
    const groups = await read();
    const [shown] = groups.telegram?.channels ?? [];
    expect(shown).toMatchObject({ ...chat, botToken: '********' });
    expect(groups.telegram?.loadBalance.enabled).toBe(true);
    for (const botToken of ['********', '']) {
      const sent = { ...groups, telegram: { channels: [{ ...shown, botToken }] } };
      const saved = await post(sysConfig('upload'), sent);
      expect(saved.status, saved.text).toBe(200);
      expect(saved.body.telegram.channels).toEqual([shown]);
      expect(saved.body.s3).toEqual(groups.s3);
    }
    expect(stowage.log.filter((line) => line.includes('CANARY'))).toEqual([]);
  });

  it('makes channels that work, and refuses to remove those with files', async () => {
    const { botToken, chatId, apiBase } = telegram.channel as Record<string, string>;
    const real = { ...chat, name: 'real', botToken, chatId, proxyUrl: apiBase };
    const { telegram: before } = await read();
    const both = { channels: [...(before?.channels ?? []), { ...real, id: 2 }] };
    expect((await post(sysConfig('upload'), { telegram: both })).status).toBe(200);
    const src = await srcOf(
      upload(stowage, '?uploadChannel=telegram&channelName=real&autoRetry=false'),
    );
    expect(await (await stowage.fetch(src)).text()).toBe('hello');
    const refused = await post(sysConfig('upload'), { telegram: { channels: [] } });
    expect([refused.status, refused.body.details]).toEqual([409, { files: 1 }]);
    expect((await read()).telegram?.channels.map(({ name }) => name)).toEqual(['chat', 'real']);
    const [, kept] = (await read()).telegram?.channels ?? [];
    const without = await post(sysConfig('upload'), {
      telegram: { channels: [{ ...kept, name: 'renamed' }] },
    });
    expect(without.body.telegram.channels).toEqual([
      expect.objectContaining({ id: 1, name: 'renamed', stowageId: kept?.stowageId }),
    ]);
    expect(await (await stowage.fetch(src)).text()).toBe('hello');
  });

  it.each([
    ['s3', { name: 'x', accessKeyId: 'a', secretAccessKey: 'b', bucketName: '' }, 'bucket'],
    ['discord', { name: 'x', botToken: 'a', channelId: 'no' }, 'channelId'],
    ['webdav', { name: 'x', baseUrl: 'ftp://x' }, 'baseUrl'],
    ['huggingface', { name: 'x', token: 'a', repo: 'nothing' }, 'repo'],
    ['cfr2', { name: 'x', publicUrl: '' }, 'accountId'],
  ])('names the field that is wrong in %s', async (group, channel, field) => {
    const { status, body } = await post(sysConfig('upload'), { [group]: { channels: [channel] } });
    expect(status).toBe(400);
    expect(body.details.fields).toContain(field);
  });
});

describe('sysConfig/page and userConfig', () => {
  const userConfig = () =>
    jsonOf<Record<string, unknown>>(
      stowage.fetch('/api/userConfig', { headers: { authorization: '' } }),
    );

  it('shows everybody what the page needs', async () => {
    expect(await userConfig()).toMatchObject({
      siteTitle: '',
      urlPrefix: '',
      disableFooter: false,
      defaultUploadNameType: 'default',
      announcementRefreshAt: null,
    });
  });

  it('changes it', async () => {
    const { config } = await jsonOf<{ config: { id: string; label: string; value: unknown }[] }>(
      stowage.fetch(sysConfig('page')),
    );
    expect(config.every(({ label }) => label !== '')).toBe(true);
    const changed = config.map((setting) =>
      setting.id === 'siteTitle' ? { ...setting, value: 'Our pictures' } : setting,
    );
    const saved = await post(sysConfig('page'), { config: changed, refreshAnnouncement: true });
    expect(saved.status, saved.text).toBe(200);
    const shown = await userConfig();
    expect(shown.siteTitle).toBe('Our pictures');
    expect(shown.announcementRefreshAt).toBe(saved.body.announcementRefreshAt);
    await post(sysConfig('page'), { config: [{ id: 'newerSetting', value: 3 }] });
    expect(await userConfig()).toMatchObject({ siteTitle: 'Our pictures', newerSetting: 3 });
    for (const config of [undefined, 'x', [{}], [{ id: '__proto__', value: 1 }]]) {
      expect((await post(sysConfig('page'), { config })).status).toBe(400);
    }
  });
});

describe('sysConfig/others and ai', () => {
  it('opens what is asked for, and shows no telemetry', async () => {
    const before = await jsonOf<Record<string, unknown>>(stowage.fetch(sysConfig('others')));
    expect(before).toMatchObject({
      telemetry: { enabled: false },
      randomImageAPI: { enabled: false, allowedDir: '' },
      publicBrowse: { enabled: false, allowedDir: '' },
    });
    const sent = { ...before, randomImageAPI: { enabled: true, allowedDir: 'a,b' } };
    const saved = await post(sysConfig('others'), sent);
    expect(saved.body).toEqual(sent);
    await stowage.crash();
    expect(await jsonOf(stowage.fetch(sysConfig('others')))).toEqual(sent);
    const dav = await post(sysConfig('others'), { webDAV: { enabled: true } });
    expect([dav.status, dav.body.details]).toEqual([400, { fields: ['webDAV.enabled'] }]);
  });

  it('has no model', async () => {
    expect(await jsonOf(stowage.fetch(sysConfig('ai')))).toMatchObject({
      enabled: false,
      providers: [],
      models: [],
    });
  });
});

describe('quota', () => {
  it('counts what channels hold', async () => {
    await srcOf(upload(stowage, '?uploadChannel=local', { bytes: 'x'.repeat(2 ** 20) }));
    const answer = await jsonOf<{ quotaStats: Record<string, unknown> }>(
      stowage.fetch('/api/manage/quota'),
    );
    expect(answer).toMatchObject({ success: true, lastUpdated: expect.any(Number) });
    expect(answer.quotaStats.disk).toEqual({ usedMB: 1, fileCount: 1 });
    const recount = await post('/api/manage/quota', {});
    expect(recount.body).toMatchObject({
      success: true,
      message: 'Quota recalculated successfully',
      channelStats: answer.quotaStats,
    });
  });
});

it('needs the permission manage', async () => {
  const { headers } = await createToken(stowage, ['upload', 'list', 'delete']);
  for (const path of ['/api/manage/quota', ...['upload', 'page', 'others', 'ai'].map(sysConfig)]) {
    expect((await stowage.fetch(path, { headers })).status, path).toBe(403);
    const none = { headers: { authorization: '' } };
    expect((await stowage.fetch(path, none)).status, path).toBe(401);
  }
});
