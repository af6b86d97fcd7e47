import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresService, postgresMissing, startPostgres } from '../services/postgres.ts';
import { type Backend, telegramBackend } from './backends.ts';
import { type Stowage, startStowage } from './harness.ts';
import { nodeEnv } from './node-env.ts';
import { eventually, jsonOf, srcOf, upload } from './requests.ts';
import { createToken } from './tokens.ts';

interface Channel {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly fixed: boolean;
  readonly enabled: boolean;
  readonly draining: boolean;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly secrets: readonly string[];
  readonly objects: number;
  readonly quota?: unknown;
}

interface Answer {
  readonly channel: Channel;
  readonly error: string;
  readonly details: { readonly fields: readonly string[]; readonly files: number };
}

const path = '/api/manage/channels';

async function call(stowage: Stowage, method: string, at: string, body?: unknown) {
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  const response = await stowage.fetch(at, init);
  const text = await response.text();
  return { status: response.status, text, answer: JSON.parse(text) as Answer };
}

async function create(stowage: Stowage, body: unknown): Promise<Channel> {
  const { status, text, answer } = await call(stowage, 'POST', path, body);
  expect(status, text).toBe(200);
  return answer.channel;
}

async function listed(stowage: Stowage): Promise<readonly Channel[]> {
  return (await jsonOf<{ channels: readonly Channel[] }>(stowage.fetch(path))).channels;
}

const memory = (name: string, more: object = {}) => ({ type: 'memory', name, ...more });

describe('channels at run time', () => {
  let stowage: Stowage;
  beforeAll(async () => {
    stowage = await startStowage();
  });
  afterAll(() => stowage?.stop());

  it('shows those of the configuration as fixed', async () => {
    const [local] = await listed(stowage);
    expect(local).toMatchObject({ type: 'local', name: 'local', fixed: true, enabled: true });
    const id = local?.id ?? '';
    for (const [method, body] of [
      ['PATCH', { enabled: false }],
      ['DELETE', undefined],
    ] as const) {
      const { status, answer } = await call(stowage, method, `${path}/${id}`, body);
      expect(status).toBe(409);
      expect(answer.error).toBe('This channel is set in the configuration: change it there.');
    }
  });

  it('creates, changes, drains and removes one without a restart', async () => {
    const channel = await create(stowage, memory('desk', { quota: { limitGB: 1 } }));
    expect(channel).toMatchObject({
      type: 'memory',
      name: 'desk',
      fixed: false,
      enabled: true,
      draining: false,
      quota: { limitGB: 1, threshold: 95 },
    });
    const at = `${path}/${channel.id}`;
    const tested = await stowage.fetch(`${at}/test`, { method: 'POST' });
    expect(await tested.json()).toMatchObject({ success: true });
    const query = '?uploadChannel=memory&channelName=desk&autoRetry=false';
    const src = await srcOf(upload(stowage, query));
    const refused = await call(stowage, 'DELETE', at);
    expect(refused.status).toBe(409);
    expect(refused.answer.details).toEqual({ files: 1 });

    const drained = await call(stowage, 'PATCH', at, { draining: true });
    expect(drained.answer.channel).toMatchObject({
      id: channel.id,
      draining: true,
      objects: 1,
    });
    const late = await upload(stowage, '?uploadChannel=memory&channelName=desk&autoRetry=false');
    expect(late.status).toBeGreaterThanOrEqual(400);
    expect(await (await stowage.fetch(src)).text()).toBe('hello');

    await stowage.fetch(`/api/manage/delete${src.replace('/file', '')}`);
    const renamed = await call(stowage, 'PATCH', at, { name: 'old desk' });
    expect(renamed.answer.channel).toMatchObject({ id: channel.id, name: 'old desk' });
    await eventually(async () => {
      expect((await call(stowage, 'DELETE', at)).text).toContain('"success":true');
    });
    expect((await listed(stowage)).map(({ name }) => name)).toEqual(['local']);
    expect((await call(stowage, 'DELETE', at)).status).toBe(404);
    expect((await create(stowage, memory('old desk'))).id).toBe(channel.id);
    await call(stowage, 'DELETE', at);
  });

  it('orders them', async () => {
    const [one, two] = [await create(stowage, memory('1')), await create(stowage, memory('2'))];
    const names = async () => (await listed(stowage)).map(({ name }) => name);
    expect(await names()).toEqual(['local', '1', '2']);
    const ordered = await call(stowage, 'PUT', `${path}/order`, { ids: [two.id, one.id] });
    expect(ordered.status).toBe(200);
    expect(await names()).toEqual(['local', '2', '1']);
    for (const ids of [[two.id], [two.id, two.id], ['x', one.id], 'x', undefined]) {
      const { status, answer } = await call(stowage, 'PUT', `${path}/order`, { ids });
      expect(status).toBe(400);
      expect(answer.details.fields).toEqual(['ids']);
    }
    const first = await srcOf(upload(stowage, '?uploadChannel=memory&autoRetry=false'));
    const two2 = (await listed(stowage)).find(({ name }) => name === '2');
    expect([first.length > 0, two2?.objects]).toEqual([true, 1]);
  });

  it.each([
    [{}, 'type'],
    [{ type: 'nonsense', settings: {} }, 'type'],
    [{ type: 'local', name: 'x', settings: { path: '/etc' } }, 'type'],
    [{ type: 's3', name: 'x', settings: { accessKeyId: 'a' } }, 'bucket'],
    [{ type: 'memory', name: 'x', settings: { maxBytes: 'many' } }, 'maxBytes'],
    [{ type: 'memory', name: 'x', weight: -1 }, 'weight'],
    [{ type: 'memory', name: '', settings: {} }, 'name'],
    [{ type: 'memory', name: 'x', draining: 'no' }, 'draining'],
    [{ type: 'memory', name: 'x', settings: [] }, 'settings'],
    [{ type: 'webdav', name: 'x', settings: { passwordFile: '/etc/passwd' } }, 'passwordFile'],
    [
      { type: 'telegram', name: 'x', settings: { botToken: '1:a', chatId: '1', filesDir: '/etc' } },
      'filesDir',
    ],
  ])('names the field that is wrong (%j)', async (body, field) => {
    const { status, answer, text } = await call(stowage, 'POST', path, body);
    expect(status, text).toBe(400);
    expect(answer.details.fields).toContain(field);
  });

  it('refuses names that are taken, and another type', async () => {
    const channel = await create(stowage, memory('taken'));
    expect((await call(stowage, 'POST', path, memory('taken'))).status).toBe(409);
    const renamed = await call(
      stowage,
      'PATCH',
      `${path}/${(await create(stowage, memory('free'))).id}`,
      {
        name: 'taken',
      },
    );
    expect([renamed.status, renamed.answer.error]).toEqual([
      409,
      'name: another channel of the type memory is called "taken".',
    ]);
    const other = await call(stowage, 'PATCH', `${path}/${channel.id}`, { type: 's3' });
    expect(other.answer.details.fields).toEqual(['type']);
    expect((await call(stowage, 'PATCH', `${path}/nowhere`, {})).status).toBe(404);
  });

  it('needs the permission manage', async () => {
    const { headers } = await createToken(stowage, ['upload', 'list', 'delete']);
    for (const [method, at] of [
      ['GET', path],
      ['POST', path],
      ['PUT', `${path}/order`],
      ['PATCH', `${path}/x`],
      ['DELETE', `${path}/x`],
    ] as const) {
      const init = method === 'GET' ? { method, headers } : { method, headers, body: '{}' };
      expect((await stowage.fetch(at, init)).status, method).toBe(403);
      const anonymous = { ...init, headers: { authorization: '' } };
      expect((await stowage.fetch(at, anonymous)).status, method).toBe(401);
    }
  });

  it('lets a running transfer end on the channel as it was', async () => {
    const channel = await create(stowage, memory('busy'));
    const big = new Uint8Array(8 * 2 ** 20).fill(7);
    const query = '?uploadChannel=memory&channelName=busy&autoRetry=false';
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        if (pulled++ === 1) {
          const changed = await call(stowage, 'PATCH', `${path}/${channel.id}`, {
            settings: { maxBytes: 16 * 2 ** 20 },
            enabled: false,
          });
          expect(changed.status).toBe(200);
        }
        if (pulled === 3) {
          controller.close();
        } else {
          controller.enqueue(big.slice(0, 4 * 2 ** 20));
        }
      },
    });
    const response = await stowage.fetch(`/upload${query}`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
      body: concat(
        ['--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'],
        body,
      ),
      duplex: 'half',
    });
    expect(await response.text()).toContain('/file/');
  });
});

function concat(before: readonly string[], body: ReadableStream<Uint8Array>) {
  return new ReadableStream<Uint8Array>({
    async start(controller) {
      const encode = (text: string) => controller.enqueue(new TextEncoder().encode(text));
      before.forEach(encode);
      for await (const chunk of body) {
        controller.enqueue(chunk);
      }
      encode('\r\n--b--\r\n');
      controller.close();
    },
  });
}

/** T3, for channels that are created at run time. */
describe('secrets of stored channels', () => {
  const canary = '987654:CANARY-canary-0123456789-abcdefghij';
  let stowage: Stowage;
  let telegram: Backend;
  const heard: string[] = [];
  beforeAll(async () => {
    telegram = await telegramBackend();
    stowage = await startStowage();
  });
  afterAll(async () => {
    await stowage?.stop();
    await telegram?.stop();
  });

  it('are used, kept when blank, and shown by name only', async () => {
    const { type, name: _, ...settings } = telegram.channel as Record<string, string>;
    const made = await call(stowage, 'POST', path, { type, name: 'chat', settings });
    heard.push(made.text);
    expect(made.answer.channel.secrets).toEqual(['botToken']);
    expect(made.answer.channel.settings).not.toHaveProperty('botToken');
    const at = `${path}/${made.answer.channel.id}`;
    const changed = await call(stowage, 'PATCH', at, { settings: { botToken: '' }, weight: 3 });
    heard.push(changed.text);
    expect(changed.answer.channel.secrets).toEqual(['botToken']);
    await srcOf(upload(stowage, '?uploadChannel=telegram&autoRetry=false'));
    await stowage.crash();
    const src = await srcOf(upload(stowage, '?uploadChannel=telegram&autoRetry=false'));
    expect(await (await stowage.fetch(src)).text()).toBe('hello');
  });

  it('are in no row, list, log, error or answer', async () => {
    const settings = { chatId: '-100', botToken: canary, apiBase: 'http://127.0.0.1:9' };
    const made = await call(stowage, 'POST', path, { type: 'telegram', name: 'canary', settings });
    const at = `${path}/${made.answer.channel.id}`;
    const wrong = { settings: { botToken: `${canary} `, chatId: '-100' } };
    for (const { text } of [
      made,
      await call(stowage, 'POST', `${at}/test`),
      await call(stowage, 'PATCH', at, wrong),
      await call(stowage, 'GET', path),
      await call(stowage, 'GET', '/api/channels?includeDisabled=true'),
    ]) {
      heard.push(text);
    }
    const failed = await upload(
      stowage,
      '?uploadChannel=telegram&channelName=canary&autoRetry=false',
    );
    heard.push(await failed.text(), await (await stowage.fetch('/metrics')).text());
    const names = (await readdir(stowage.dataDir)).filter((name) => name.startsWith('stowage.db'));
    expect(names.length).toBeGreaterThan(0);
    const rows = await Promise.all(names.map((name) => readFile(join(stowage.dataDir, name))));
    for (const secret of [canary, ...telegram.secrets]) {
      expect(heard.filter((text) => text.includes(secret))).toEqual([]);
      expect(stowage.log.filter((line) => line.includes(secret))).toEqual([]);
      expect(rows.some((bytes) => bytes.includes(secret))).toBe(false);
    }
  });
});

describe.skipIf(postgresMissing)('channels of several nodes', () => {
  let postgres: PostgresService;
  const nodes: Stowage[] = [];
  beforeAll(async () => {
    postgres = await startPostgres();
    const first = await startStowage({ env: nodeEnv(postgres.url) });
    nodes.push(first);
    const objects = join(first.dataDir, 'objects');
    nodes.push(await startStowage({ env: nodeEnv(postgres.url, objects) }));
  });
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await postgres?.stop();
  });

  it('are the same within two seconds', async () => {
    const [one, two] = nodes as [Stowage, Stowage];
    const { id } = await create(one, memory('everywhere'));
    const names = async () =>
      (await jsonOf<{ memory?: { name: string }[] }>(two.fetch('/api/channels'))).memory ?? [];
    const startedAt = performance.now();
    await eventually(async () => expect(await names()).toHaveLength(1));
    expect(performance.now() - startedAt).toBeLessThan(2500);
    await call(two, 'PATCH', `${path}/${id}`, { enabled: false });
    await eventually(async () => {
      expect((await listed(one)).find((channel) => channel.id === id)?.enabled).toBe(false);
      const answer = await jsonOf<{ memory?: unknown[] }>(one.fetch('/api/channels'));
      expect(answer.memory ?? []).toEqual([]);
    });
  });
});
