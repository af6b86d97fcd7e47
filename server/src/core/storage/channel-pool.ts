import type { Channel } from '../channel.ts';
import { fail, type StowageError } from '../errors.ts';
import type { ChannelStore, FileStore } from '../metadata.ts';
import { own } from '../own.ts';
import { uuidv7 } from '../uuid.ts';
import { type ChannelGroup, defaultFallbackOrder } from './channel-group.ts';

/** A channel as the owner configured it, ready for use. */
export interface ConfiguredChannel {
  /** Immutable: files point to it. */
  readonly id: string;
  readonly type: string;
  /** Name of its `ChannelGroup`, and the label of that. */
  readonly group: string;
  readonly label: string;
  readonly name: string;
  readonly enabled: boolean;
  /** Share under load balancing; 0 only by name. */
  readonly weight: number;
  readonly quota?: { readonly limitBytes: number; readonly thresholdPercent: number } | undefined;
  readonly channel: Channel;
  /** Its owner removed it. Kept out of all lists, and reachable by its id. */
  readonly removed?: boolean | undefined;
}

export interface Choice {
  /** `uploadChannel`; absent means the default channel, or any group when a name is given. */
  readonly group?: string | undefined;
  readonly name?: string | undefined;
  /** Whether the other groups follow as fallbacks. */
  readonly fallback: boolean;
  /** Whether a group or a name that does not exist is refused, instead of counting as absent. */
  readonly exact?: boolean;
}

/** One step of a choice: the channel to try, or the group that has none. */
export interface Candidate {
  readonly group: string;
  readonly channel: ConfiguredChannel | undefined;
}

export interface ChannelPool {
  /** Rejects with `service_unavailable` when the channel is no longer configured. */
  byId(id: string): ConfiguredChannel;
  all(): readonly ConfiguredChannel[];
  /** Also of groups without a channel; undefined when no driver has it. */
  group(name: string): ChannelGroup | undefined;
  /** Enabled and not over its quota. */
  available(): Promise<readonly ConfiguredChannel[]>;
  /**
   * In the order to try them; never empty. Rejects with `bad_request` when an exact choice does not
   * exist.
   */
  candidates(choice: Choice): Promise<readonly Candidate[]>;
  /**
   * The channel for a Media API category, and those that follow when it cannot take a file. All
   * have room for so many bytes (default: for any).
   */
  forCategory(category: string, bytes?: number): Promise<readonly ConfiguredChannel[]>;
  /** Fails with `storage_quota_exceeded` unless the channel has room for so many more bytes. */
  requireRoom(id: string, bytes: number): Promise<void>;
  /** From now on these are the channels. What is in progress continues on the channel it has. */
  replace(channels: readonly ConfiguredChannel[]): void;
}

export interface ChannelPoolOptions {
  readonly channels: readonly ConfiguredChannel[];
  readonly usage: FileStore['usage'];
  /** Bytes that unfinished uploads keep room for; default none. */
  readonly reserved?: (channelId: string) => Promise<number>;
  /** What callers may choose from, whether or not it has channels. Default: none. */
  readonly groups?: readonly ChannelGroup[];
  /**
   * Name or group of the channel for callers that name none; otherwise one of the default group,
   * otherwise the first enabled one.
   */
  readonly defaultChannel?: string | undefined;
  /** Groups or names, in the order to fall back. Default: the ranked groups. */
  readonly fallbackOrder?: readonly string[] | undefined;
  readonly loadBalance: boolean;
  /** The groups that are balanced in any case. */
  readonly balances?: (group: string) => boolean;
  /** Media API category to channel name or group. */
  readonly routes: Readonly<Record<string, string | undefined>>;
  readonly random?: () => number;
}

export function createChannelPool(options: ChannelPoolOptions): ChannelPool {
  const { groups = [] } = options;
  let known = options.channels;
  let channels = listed(known);
  const standardOrder = defaultFallbackOrder(groups);
  const { fallbackOrder = standardOrder } = options;
  const standardGroup = groups.find(({ isDefault }) => isDefault)?.name;
  /** The group whose channels are meant by a name. */
  const groupOf = (name: string): string => {
    const standIn = groups.find(({ standsInFor }) => standsInFor === name);
    const isEmpty = channels.every(({ group }) => group !== name);
    return isEmpty && standIn !== undefined ? standIn.name : name;
  };

  const usedBytes = async (id: string): Promise<number> => {
    const [{ bytes }, reserved] = await Promise.all([
      options.usage(id),
      options.reserved?.(id) ?? 0,
    ]);
    return bytes + reserved;
  };
  const hasRoom = async ({ id, quota }: ConfiguredChannel, more: number): Promise<boolean> => {
    if (quota === undefined) {
      return true;
    }
    const [bytes, limit] = [await usedBytes(id), (quota.limitBytes * quota.thresholdPercent) / 100];
    return bytes < limit && bytes + more <= limit;
  };
  const available = async (more = 0): Promise<readonly ConfiguredChannel[]> => {
    const enabled = channels.filter((channel) => channel.enabled);
    if (enabled.every((channel) => channel.quota === undefined)) {
      return enabled;
    }
    const room = await Promise.all(enabled.map((channel) => hasRoom(channel, more)));
    return enabled.filter((_, at) => room[at]);
  };
  /** Why no channel is available. */
  const nowhere = async (): Promise<StowageError> => {
    const full = channels.filter((channel) => channel.enabled);
    if (full.length === 0) {
      return fail('service_unavailable', { message: 'No storage channel is available.' });
    }
    const usages = await Promise.all(full.map(({ id }) => usedBytes(id)));
    const used = usages.reduce((sum, bytes) => sum + bytes, 0);
    const limit = full.reduce((sum, { quota }) => sum + (quota?.limitBytes ?? 0), 0);
    return fail('storage_quota_exceeded', { details: { used, limit } });
  };
  const pick = (
    from: readonly ConfiguredChannel[],
    name: string | undefined,
  ): ConfiguredChannel | undefined => {
    const named = from.find((channel) => channel.name === name);
    const isBalanced =
      options.loadBalance || (from[0] !== undefined && options.balances?.(from[0].group) === true);
    if (named !== undefined || !isBalanced) {
      return named ?? from[0];
    }
    return pickWeighted(from, options.random ?? Math.random);
  };
  /** As the routing settings name channels: by name, `type/name`, type or group. */
  const byNameOrGroup = (
    from: readonly ConfiguredChannel[],
    wanted: string | undefined,
  ): ConfiguredChannel | undefined => {
    if (wanted === undefined) {
      return undefined;
    }
    const named = from.find(({ type, name }) => name === wanted || `${type}/${name}` === wanted);
    return (
      named ??
      pick(
        from.filter(({ type, group }) => type === wanted || group === groupOf(wanted)),
        undefined,
      )
    );
  };
  /**
   * Behind the first of every group or name: those that share a group with another one. Weight 0 is
   * for those who ask by name.
   */
  const siblings = (usable: readonly ConfiguredChannel[]): readonly Candidate[] =>
    fallbackOrder.flatMap((wanted) =>
      usable
        .filter(
          ({ type, group, weight }) => (type === wanted || group === groupOf(wanted)) && weight > 0,
        )
        .map((channel) => ({ group: wanted, channel })),
    );
  /** Upload API 1.5: an unknown value is no error, it counts as absent. */
  const isKnown = (group: string): boolean =>
    standardOrder.includes(group) || channels.some((channel) => channel.group === group);
  const standard = (usable: readonly ConfiguredChannel[]): ConfiguredChannel | undefined =>
    byNameOrGroup(usable, options.defaultChannel) ??
    byNameOrGroup(usable, standardGroup) ??
    usable[0];
  const first = (
    usable: readonly ConfiguredChannel[],
    { group, name, exact = false }: Choice,
  ): Candidate => {
    if (group !== undefined && isKnown(group)) {
      const wanted = groupOf(group);
      const members = usable.filter((candidate) => candidate.group === wanted);
      const channel = pick(members, name);
      if (exact && channel !== undefined && isAmiss(channel, name)) {
        throw unknownName(
          channels.filter((configured) => configured.group === wanted),
          name,
        );
      }
      return { group, channel };
    }
    if (exact && group !== undefined) {
      throw unknownGroup(group, channels);
    }
    const named = usable.find((candidate) => candidate.name === name);
    if (exact && named === undefined && name !== undefined) {
      throw unknownName(channels, name);
    }
    const channel = named ?? standard(usable);
    return { group: channel?.group ?? standardOrder.at(-1) ?? '', channel };
  };

  return {
    byId(id) {
      const found = known.find((channel) => channel.id === id);
      if (found === undefined) {
        throw fail('service_unavailable', {
          message: 'The storage channel of this file is no longer configured.',
        });
      }
      return found;
    },
    all: () => channels,
    replace(replacements) {
      known = replacements;
      channels = listed(known);
    },
    group: (name) => groups.find((group) => group.name === name),
    available: () => available(),
    async requireRoom(id, bytes) {
      const channel = channels.find((candidate) => candidate.id === id);
      if (bytes > 0 && channel !== undefined && !(await hasRoom(channel, bytes))) {
        throw await nowhere();
      }
    },
    async candidates(choice) {
      const usable = await available();
      const chosen = first(usable, choice);
      if (!choice.fallback) {
        return [chosen];
      }
      const others = fallbackOrder
        .filter((wanted) => groupOf(wanted) !== groupOf(chosen.group))
        .map((wanted) => ({ group: wanted, channel: byNameOrGroup(usable, wanted) }));
      return unique([chosen, ...others, ...siblings(usable)]);
    },
    async forCategory(category, bytes) {
      const usable = await available(bytes);
      const wanted = own(options.routes, category) ?? options.defaultChannel;
      const chosen = byNameOrGroup(usable, wanted) ?? usable[0];
      if (chosen === undefined) {
        throw await nowhere();
      }
      const others = fallbackOrder.map((next) => byNameOrGroup(usable, next));
      return [
        ...new Set([chosen, ...others, ...siblings(usable).map(({ channel }) => channel)]),
      ].filter((channel) => channel !== undefined);
    },
  };
}

function listed(channels: readonly ConfiguredChannel[]): readonly ConfiguredChannel[] {
  return channels.filter(({ removed }) => removed !== true);
}

/**
 * Gives every configured channel its immutable id: the one its type and name got when they were
 * first seen.
 */
export async function identifyChannels<
  T extends { readonly type: string; readonly name: string; readonly id?: string | undefined },
>(
  configured: readonly T[],
  store: Pick<ChannelStore, 'ensure' | 'list'>,
  now: number,
): Promise<readonly (T & { readonly id: string })[]> {
  const known = new Set((await store.list()).map(({ id }) => id));
  const given = new Set(configured.map(({ id }) => id));
  const identify = async (entry: T): Promise<T & { readonly id: string }> => {
    const { id, type, name } = entry;
    // A known id wins over the name: the channel was renamed.
    if (id !== undefined && known.has(id)) {
      return { ...entry, id };
    }
    const record = await store.ensure({ id: id ?? uuidv7(now), type, name, createdAt: now });
    if (id === undefined && given.has(record.id)) {
      throw fail('conflict', {
        message: `The channel "${name}" of type "${type}" had the id "${record.id}" before another one got it: give it an "id" of its own.`,
      });
    }
    return { ...entry, id: id ?? record.id };
  };
  return Promise.all(configured.map(identify));
}

function isAmiss(channel: ConfiguredChannel, name: string | undefined): name is string {
  return name !== undefined && channel.name !== name;
}

function unknownName(among: readonly ConfiguredChannel[], name: string): StowageError {
  const exists = among.some((channel) => channel.name === name);
  if (exists) {
    return fail('bad_request', {
      message: `The channel ${quoted(name)} takes no uploads at the moment`,
    });
  }
  const names = among.filter(({ enabled }) => enabled).map((channel) => channel.name);
  return fail('bad_request', {
    message: `There is no channel ${quoted(name)}; choose from: ${names.join(', ')}`,
  });
}

function unknownGroup(group: string, channels: readonly ConfiguredChannel[]): StowageError {
  const groups = [
    ...new Set(channels.filter(({ enabled }) => enabled).map((channel) => channel.group)),
  ].join(', ');
  return fail('bad_request', {
    message: `There are no ${quoted(group)} channels; choose from: ${groups}`,
  });
}

/** What the caller wrote, short enough for a sentence. */
function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}

function pickWeighted(
  from: readonly ConfiguredChannel[],
  random: () => number,
): ConfiguredChannel | undefined {
  const total = from.reduce((sum, channel) => sum + channel.weight, 0);
  let at = random() * total;
  for (const channel of from) {
    at -= channel.weight;
    if (at < 0) {
      return channel;
    }
  }
  return from[0];
}

function unique<T extends Candidate>(candidates: readonly T[]): readonly T[] {
  const seen = new Set<string>();
  return candidates.filter(({ channel }) => {
    if (channel === undefined) {
      return true;
    }
    const known = seen.has(channel.id);
    seen.add(channel.id);
    return !known;
  });
}
