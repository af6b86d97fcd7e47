import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { channelGroups } from '../../channels/index.ts';
import { createMemoryChannel } from '../../channels/memory/index.ts';
import type { ChannelRecord, ChannelStore } from '../metadata.ts';
import { defaultFallbackOrder } from './channel-group.ts';
import {
  type ChannelPoolOptions,
  type ConfiguredChannel,
  createChannelPool,
  identifyChannels,
} from './channel-pool.ts';

function channelOf(
  group: string,
  name: string,
  more: Partial<ConfiguredChannel> = {},
): ConfiguredChannel {
  return {
    id: `${group}-${name}`,
    type: group,
    group,
    label: group,
    name,
    enabled: true,
    weight: 1,
    channel: createMemoryChannel(),
    ...more,
  };
}

const all = [
  channelOf('local', 'disk'),
  channelOf('s3', 'one'),
  channelOf('s3', 'two'),
  channelOf('telegram', 'bot'),
];

function poolOf(
  channels: readonly ConfiguredChannel[] = all,
  options: Partial<ChannelPoolOptions> = {},
) {
  const usage = async () => ({ bytes: 0, blobs: 0 });
  return createChannelPool({
    channels,
    usage,
    groups: channelGroups,
    loadBalance: false,
    routes: {},
    ...options,
  });
}

async function namesOf(
  pool: ReturnType<typeof poolOf>,
  choice: { group?: string; name?: string; fallback?: boolean; exact?: boolean } = {},
): Promise<readonly string[]> {
  const candidates = await pool.candidates({ fallback: false, ...choice });
  return candidates.map(({ group, channel }) => channel?.name ?? `no ${group}`);
}

describe('the channel of an upload', () => {
  it('is the first of its type, or the one with the name; a wrong name counts as none', async () => {
    const pool = poolOf();
    expect(await namesOf(pool, { group: 's3' })).toEqual(['one']);
    expect(await namesOf(pool, { group: 's3', name: 'two' })).toEqual(['two']);
    expect(await namesOf(pool, { group: 's3', name: 'TWO' })).toEqual(['one']);
    expect(await namesOf(pool, { group: 's3', name: 'disk' })).toEqual(['one']);
    expect(await namesOf(pool, { group: 'discord' })).toEqual(['no discord']);
  });

  it('is found by name among all types when none is given, else it is the default', async () => {
    expect(await namesOf(poolOf(), { name: 'bot' })).toEqual(['bot']);
    expect(await namesOf(poolOf(), { name: 'none' })).toEqual(['bot']);
    expect(await namesOf(poolOf())).toEqual(['bot']);
    for (const [defaultChannel, name] of [
      ['two', 'two'],
      ['s3', 'one'],
      ['s3/two', 'two'],
    ] as const) {
      expect(await namesOf(poolOf(all, { defaultChannel }))).toEqual([name]);
    }
  });

  it('is the default for types that nobody knows', async () => {
    expect(await namesOf(poolOf(all, { defaultChannel: 'two' }), { group: 'unheard-of' })).toEqual([
      'two',
    ]);
    expect(await namesOf(poolOf(), { group: 'unheard-of', name: 'bot' })).toEqual(['bot']);
    expect(await namesOf(poolOf(), { group: 'cloudflare_images' })).toEqual(['bot']);
    expect(await namesOf(poolOf([]), { group: 'unheard-of' })).toEqual(['no local']);
  });

  it('is Telegram when nothing is said, wherever it stands, and the first one when there is no Telegram', async () => {
    const telegramOff = channelOf('telegram', 'off', { enabled: false });
    expect(await namesOf(poolOf([channelOf('s3', 'one'), channelOf('telegram', 'bot')]))).toEqual([
      'bot',
    ]);
    expect(await namesOf(poolOf([channelOf('s3', 'one'), telegramOff]))).toEqual(['one']);
    expect(await namesOf(poolOf(all, { defaultChannel: 'gone' }))).toEqual(['bot']);
    expect((await poolOf().forCategory('image')).map(({ name }) => name)[0]).toBe('disk');
  });

  it.each([
    [{ group: 'nonsense' }, 'There are no "nonsense" channels; choose from: local, s3, telegram'],
    [{ group: 's3', name: 'TWO' }, 'There is no channel "TWO"; choose from: one, two'],
    [{ group: 's3', name: 'bot' }, 'There is no channel "bot"; choose from: one, two'],
    [{ name: 'none' }, 'There is no channel "none"; choose from: disk, one, two, bot'],
    [
      { name: `<b>${'x'.repeat(200)}` },
      `There is no channel "<b>${'x'.repeat(97)}"; choose from: disk, one, two, bot`,
    ],
  ])('%j is refused when exactly that is wanted', async (choice, message) => {
    const exact = { fallback: false, exact: true } as const;
    await expect(poolOf().candidates({ ...choice, ...exact })).rejects.toMatchObject({
      code: 'bad_request',
      message,
    });
    expect(await namesOf(poolOf(), choice)).not.toEqual([]);
  });

  it('that is there, but takes nothing, is said to be so', async () => {
    const pool = poolOf([...all, channelOf('s3', 'off', { enabled: false })]);
    for (const group of [undefined, 's3']) {
      await expect(
        pool.candidates({ group, name: 'off', fallback: false, exact: true }),
      ).rejects.toThrow('The channel "off" takes no uploads at the moment');
    }
  });

  it('is the one that exactly was asked for', async () => {
    expect(await namesOf(poolOf(), { group: 's3', name: 'two', exact: true })).toEqual(['two']);
    expect(await namesOf(poolOf(), { name: 'two', exact: true })).toEqual(['two']);
    expect(await namesOf(poolOf(), { group: 'cfr2', name: 'disk', exact: true })).toEqual(['disk']);
    expect(await namesOf(poolOf(), { group: 'discord', name: 'any', exact: true })).toEqual([
      'no discord',
    ]);
  });

  it('is the disk for cfr2, until there is an R2 channel', async () => {
    expect(await namesOf(poolOf(), { group: 'cfr2' })).toEqual(['disk']);
    expect(await namesOf(poolOf([...all, channelOf('cfr2', 'bucket')]), { group: 'cfr2' })).toEqual(
      ['bucket'],
    );
  });
});

describe('fallbacks', () => {
  it('follow in the order of the Upload API, with ours behind', () => {
    expect(defaultFallbackOrder(channelGroups)).toEqual([
      'cfr2',
      'telegram',
      's3',
      'huggingface',
      'webdav',
      'discord',
      'local',
    ]);
  });

  it('follow in order, each channel once, with the types that have none', async () => {
    expect(await namesOf(poolOf(), { group: 's3', name: 'two', fallback: true })).toEqual([
      'two',
      'disk',
      'bot',
      'no huggingface',
      'no webdav',
      'no discord',
      'one',
    ]);
  });

  it('end with what is left of every group, unless it is for those who name it', async () => {
    const named = [
      ...all,
      channelOf('telegram', 'second'),
      channelOf('s3', 'by name', { weight: 0 }),
    ];
    const names = await namesOf(poolOf(named), { group: 'telegram', fallback: true });
    expect(names.filter((name) => !name.startsWith('no '))).toEqual([
      'bot',
      'disk',
      'one',
      'second',
      'two',
    ]);
    expect((await poolOf(named).forCategory('image')).map(({ name }) => name)).toEqual([
      'disk',
      'bot',
      'one',
      'second',
      'two',
    ]);
  });

  it('follow in the configured order, by type or name', async () => {
    const pool = poolOf(all, { fallbackOrder: ['bot', 's3'] });
    expect(await namesOf(pool, { group: 'local', fallback: true })).toEqual([
      'disk',
      'bot',
      'one',
      'two',
    ]);
  });

  it('never name a channel twice, and begin with the choice', async () => {
    const groups = fc.constantFrom('local', 's3', 'telegram', 'cfr2', 'discord', 'odd');
    await fc.assert(
      fc.asyncProperty(groups, fc.array(groups), async (group, fallbackOrder) => {
        const names = await namesOf(poolOf(all, { fallbackOrder }), { group, fallback: true });
        const channels = names.filter((name) => !name.startsWith('no '));
        expect(new Set(channels).size).toBe(channels.length);
        expect(names[0]).toBe((await namesOf(poolOf(all, { fallbackOrder }), { group }))[0]);
      }),
    );
  });
});

describe('disabled and full channels', () => {
  it('take nothing, and are known by id all the same', async () => {
    const pool = poolOf([channelOf('s3', 'off', { enabled: false }), channelOf('s3', 'on')]);
    expect(await namesOf(pool, { group: 's3', name: 'off' })).toEqual(['on']);
    expect((await pool.available()).map(({ name }) => name)).toEqual(['on']);
    expect(pool.byId('s3-off').name).toBe('off');
    expect(() => pool.byId('gone')).toThrow(/no longer configured/);
  });

  it.each([
    [949, 'full'],
    [950, 'spare'],
    [2000, 'spare'],
  ])(
    'with %i of 1000 bytes used and a threshold of 95 %% the next goes to %s',
    async (bytes, expected) => {
      const quota = { limitBytes: 1000, thresholdPercent: 95 };
      const pool = poolOf([channelOf('s3', 'full', { quota }), channelOf('s3', 'spare')], {
        usage: async () => ({ bytes, blobs: 1 }),
      });
      expect(await namesOf(pool, { group: 's3' })).toEqual([expected]);
    },
  );
});

it('when all channels are full, media are told so', async () => {
  const quota = { limitBytes: 1000, thresholdPercent: 95 };
  const channels = [channelOf('s3', 'a', { quota }), channelOf('local', 'b', { quota })];
  const pool = poolOf(channels, { usage: async () => ({ bytes: 960, blobs: 1 }) });
  await expect(pool.forCategory('image')).rejects.toMatchObject({
    code: 'storage_quota_exceeded',
    status: 403,
    details: { used: 1920, limit: 2000 },
  });
  const off = poolOf(channels.map((channel) => ({ ...channel, enabled: false })));
  await expect(off.forCategory('image')).rejects.toMatchObject({ code: 'service_unavailable' });
});

describe('load balance', () => {
  it('picks by weight, and a name all the same', async () => {
    const channels = [channelOf('s3', 'a', { weight: 3 }), channelOf('s3', 'b', { weight: 1 })];
    for (const [random, expected] of [
      [0, 'a'],
      [0.749, 'a'],
      [0.75, 'b'],
      [0.999, 'b'],
    ] as const) {
      expect(
        await namesOf(poolOf(channels, { loadBalance: true, random: () => random }), {
          group: 's3',
        }),
      ).toEqual([expected]);
    }
    expect(
      await namesOf(poolOf(channels, { loadBalance: true, random: () => 0 }), {
        group: 's3',
        name: 'b',
      }),
    ).toEqual(['b']);
  });
});

describe('categories of the Media API', () => {
  it('go to their channel, then to the others', async () => {
    const pool = poolOf(all, { routes: { video: 'two' } });
    const names = async (category: string) =>
      (await pool.forCategory(category)).map(({ name }) => name);
    expect((await names('video'))[0]).toBe('two');
    expect((await names('image'))[0]).toBe('disk');
    expect(await names('video')).toContain('disk');
  });

  it('are refused when nothing is there', async () => {
    await expect(poolOf([]).forCategory('image')).rejects.toMatchObject({
      code: 'service_unavailable',
    });
  });
});

type IdStore = Pick<ChannelStore, 'ensure' | 'list'>;

describe('ids', () => {
  function storeOf(): IdStore & { readonly records: ChannelRecord[] } {
    const records: ChannelRecord[] = [];
    return {
      records,
      list: async () => records,
      async ensure(record) {
        const known = records.find(
          ({ type, name }) => type === record.type && name === record.name,
        );
        if (known !== undefined) {
          return known;
        }
        if (records.some(({ id }) => id === record.id)) {
          throw new Error('taken');
        }
        records.push(record);
        return record;
      },
    };
  }
  const idsOf = async (
    store: IdStore,
    ...configured: { type: string; name: string; id?: string }[]
  ) => (await identifyChannels(configured, store, 1)).map(({ id }) => id);

  it('stay with type and name', async () => {
    const store = storeOf();
    const first = await idsOf(store, { type: 's3', name: 'a' }, { type: 'local', name: 'a' });
    expect(new Set(first).size).toBe(2);
    expect(await idsOf(store, { type: 'local', name: 'a' }, { type: 's3', name: 'a' })).toEqual(
      [...first].reverse(),
    );
  });

  it('are kept through a renaming when they are given', async () => {
    const store = storeOf();
    const [id = ''] = await idsOf(store, { type: 's3', name: 'old' });
    expect(await idsOf(store, { type: 's3', name: 'new', id })).toEqual([id]);
    // A newcomer under the old name must not get the files of the renamed one.
    await expect(
      idsOf(store, { type: 's3', name: 'new', id }, { type: 's3', name: 'old' }),
    ).rejects.toMatchObject({
      code: 'conflict',
    });
    expect(
      await idsOf(store, { type: 's3', name: 'new', id }, { type: 's3', name: 'old', id: 'other' }),
    ).toEqual([id, 'other']);
  });
});
