import { isDeepStrictEqual } from 'node:util';
import type { Channel } from '../channel.ts';
import type { Log } from '../log.ts';
import type { ChannelStore, StoredChannel } from '../metadata.ts';
import type { ChannelPool, ConfiguredChannel } from '../storage/channel-pool.ts';
import type { ChannelEntry } from './channel-entry.ts';
import { openEntry } from './sealed-settings.ts';
import type { SecretBox } from './secret-box.ts';

export interface LiveChannelsOptions {
  /** Those of the configuration, which come first and win over stored ones with the same id. */
  readonly fixed: readonly ConfiguredChannel[];
  readonly store: Pick<ChannelStore, 'stored' | 'version'>;
  readonly box: SecretBox;
  readonly pool: Pick<ChannelPool, 'replace'>;
  /** The channel as its owner set it up; on `channel`, when it is given. */
  readonly build: (entry: ChannelEntry, channel?: Channel) => Promise<ConfiguredChannel>;
  readonly log: Log;
}

interface Built {
  readonly entry: ChannelEntry;
  readonly channel: ConfiguredChannel;
}

/** Keeps the pool as the stored channels are, whichever node changes them. */
export class LiveChannels {
  readonly #options: LiveChannelsOptions;
  readonly #built = new Map<string, Built>();
  readonly #problems = new Map<string, string>();
  readonly #retired: Channel[] = [];
  #version: number | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: LiveChannelsOptions) {
    this.#options = options;
  }

  /** Why a stored channel cannot be used at present. */
  problemOf(id: string): string | undefined {
    return this.#problems.get(id);
  }

  /** Builds the pool anew if another version of the channels is stored. */
  refresh(): Promise<void> {
    const turn = this.#turn.then(async () => {
      if ((await this.#options.store.version()) !== this.#version) {
        await this.#load();
      }
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #load(): Promise<void> {
    const { fixed, store, pool } = this.#options;
    const { version, channels } = await store.stored();
    const fixedIds = new Set(fixed.map(({ id }) => id));
    const wanted = channels.filter(({ id }) => !fixedIds.has(id));
    this.#problems.clear();
    for (const id of this.#built.keys()) {
      if (!wanted.some((channel) => channel.id === id)) {
        this.#retire(id);
      }
    }
    const built: ConfiguredChannel[] = [];
    for (const channel of wanted) {
      const usable = await this.#build(channel);
      if (usable !== undefined) {
        built.push(usable);
      }
    }
    pool.replace([...fixed, ...built]);
    this.#version = version;
  }

  /** Undefined when it cannot be used: its files answer 503 until it is mended. */
  async #build(stored: StoredChannel): Promise<ConfiguredChannel | undefined> {
    const { id, type, name } = stored;
    try {
      const entry = openEntry(stored, this.#options.box);
      const before = this.#built.get(id);
      // The same one, with its state and connections, unless it would now be another.
      const same = before && isSameChannel(entry, before.entry) ? before.channel : undefined;
      const channel = await this.#options.build(entry, same?.channel);
      const built = { ...channel, removed: stored.removedAt !== null };
      if (before !== undefined && before.channel.channel !== built.channel) {
        this.#retire(id);
      }
      this.#built.set(id, { entry, channel: built });
      return built;
    } catch (error) {
      const { message } = error as Error;
      this.#retire(id);
      this.#problems.set(id, message);
      this.#options.log.error({ type, channel: name, error: message }, 'A channel cannot be used');
      return undefined;
    }
  }

  /**
   * Transfers may be using it for as long as they take, so it is closed when the server stops. Its
   * idle connections end by themselves.
   */
  #retire(id: string): void {
    const built = this.#built.get(id);
    if (built !== undefined) {
      this.#retired.push(built.channel.channel);
      this.#built.delete(id);
    }
  }

  async close(): Promise<void> {
    await this.#turn;
    const channels = [...this.#built.values()].map(({ channel }) => channel.channel);
    await Promise.all([...channels, ...this.#retired].map((channel) => channel.close?.()));
  }
}

function isSameChannel(one: ChannelEntry, other: ChannelEntry): boolean {
  const identity = ({ type, name, settings, maxOperations, pace }: ChannelEntry) => ({
    type,
    name,
    settings,
    maxOperations,
    pace,
  });
  return isDeepStrictEqual(identity(one), identity(other));
}
