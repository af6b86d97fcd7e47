import type { Json } from '../bytes.ts';
import type { Clock } from '../clock.ts';
import { dayMs } from '../clock.ts';
import { fail } from '../errors.ts';
import type { ChannelStore, FileStore, StoredChannel } from '../metadata.ts';
import { uuidv7 } from '../uuid.ts';
import type {
  ChannelEntry,
  ChannelOptions,
  ChannelTypes,
  CheckedChannel,
} from './channel-entry.ts';
import type { LiveChannels } from './live-channels.ts';
import { openSettings, sealSettings, shownSettings } from './sealed-settings.ts';
import type { SecretBox } from './secret-box.ts';

/** A channel as its owner sees it. Secrets are there by name only. */
export interface ManagedChannel extends ChannelOptions {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly group: string;
  /** Of the configuration, which only a restart changes. */
  readonly isFixed: boolean;
  readonly enabled: boolean;
  readonly draining: boolean;
  /** It was removed, and an upload that was in progress then has ended there. */
  readonly isRemoved: boolean;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Names of the secrets that are set. */
  readonly secrets: readonly string[];
  /** Why it cannot be used at present. */
  readonly problem: string | undefined;
  readonly usedBytes: number;
  readonly objects: number;
}

/** What a caller sends. Members are unverified; an absent one keeps its value. */
export interface ChannelChange {
  readonly id?: unknown;
  readonly type?: unknown;
  readonly draining?: unknown;
  /** `name`, `enabled` and members of `ChannelOptions`; null is the default. */
  readonly common: Readonly<Record<string, unknown>>;
  /** An absent member keeps its value, and so does an empty secret; null removes it. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Several changes at once: all are made, or none. */
export interface ChannelPlan {
  readonly changes: readonly ChannelChange[];
  /** Ids. */
  readonly removes: readonly string[];
}

export interface ChannelAdminOptions {
  /** Of the configuration. */
  readonly fixed: readonly ChannelEntry[];
  readonly store: ChannelStore;
  readonly usage: FileStore['usage'];
  readonly types: ChannelTypes;
  readonly box: SecretBox;
  readonly live: Pick<LiveChannels, 'refresh' | 'problemOf'>;
  readonly now: Clock;
}

const maxTries = 5;
const defaults: ChannelOptions = { weight: 1 };

/**
 * Creates, changes and removes channels at run time. A change counts on this node when its promise
 * resolves, and on others soon after.
 */
export class ChannelAdmin {
  readonly #options: ChannelAdminOptions;

  constructor(options: ChannelAdminOptions) {
    this.#options = options;
  }

  /** Those of the configuration first, then the others in their order. */
  async list(): Promise<readonly ManagedChannel[]> {
    const { fixed, store } = this.#options;
    const { channels } = await store.stored();
    const stored = channels.filter(({ id }) => !this.#isFixed(id));
    const shown = await Promise.all([
      ...fixed.map((entry) => this.#presentFixed(entry)),
      ...stored.map((channel) => this.#presentStored(channel)),
    ]);
    return shown.filter(({ isRemoved, objects }) => !isRemoved || objects > 0);
  }

  /** Fails with `not_found`. */
  async get(id: string): Promise<ManagedChannel> {
    const found = (await this.list()).find((channel) => channel.id === id);
    if (found === undefined) {
      throw noSuchChannel();
    }
    return found;
  }

  /** Fails with `validation_error`, or with `conflict` when the type has a channel of that name. */
  async create(change: ChannelChange): Promise<ManagedChannel> {
    const [id = ''] = await this.apply({ changes: [{ ...change, id: undefined }], removes: [] });
    return this.get(id);
  }

  /** Fails with `not_found` and as `create`; with `conflict` for a channel of the configuration. */
  async update(id: string, change: ChannelChange): Promise<ManagedChannel> {
    await this.apply({ changes: [{ ...change, id }], removes: [] });
    return this.get(id);
  }

  /**
   * Fails with `not_found`, and with `conflict` for a channel of the configuration or one that is
   * in use.
   */
  async remove(id: string): Promise<void> {
    await this.apply({ changes: [], removes: [id] });
  }

  /** The ids of all stored channels, in the order that they get. Fails with `validation_error`. */
  async order(ids: readonly string[]): Promise<void> {
    await this.#write(async (channels) => {
      const present = channels.filter(({ removedAt }) => removedAt === null);
      const isSame =
        new Set(ids).size === ids.length &&
        ids.length === present.length &&
        present.every(({ id }) => ids.includes(id));
      if (!isSame) {
        throw invalid(
          'ids',
          'must hold the id of every channel that is not fixed, each of them once.',
        );
      }
      return present.map((channel) => ({ ...channel, position: ids.indexOf(channel.id) }));
    });
  }

  /** Returns the ids of the changed channels. Fails as the single steps do. */
  async apply({ changes, removes }: ChannelPlan): Promise<readonly string[]> {
    const ids: string[] = [];
    await this.#write(async (channels) => {
      ids.length = 0;
      const written: StoredChannel[] = [];
      for (const id of removes) {
        written.push(await this.#removed(id, channels));
      }
      for (const change of changes) {
        const next = await this.#changed(change, channels, written.length);
        ids.push(next.id);
        written.push(next);
      }
      return written;
    });
    if (removes.length > 0) {
      await this.#options.store.forgetRemoved(this.#options.now() - dayMs);
    }
    return ids;
  }

  /** Repeats `work` when another change comes first. */
  async #write(
    work: (channels: readonly StoredChannel[]) => Promise<readonly StoredChannel[]>,
  ): Promise<void> {
    const { store, live } = this.#options;
    for (let tries = 0; tries < maxTries; tries++) {
      const { version, channels } = await store.stored();
      const written = await work(channels.filter(({ id }) => !this.#isFixed(id)));
      if (await store.change(version, written)) {
        await live.refresh();
        return;
      }
    }
    throw fail('conflict', { message: 'The channels are being changed elsewhere. Try again.' });
  }

  async #changed(
    change: ChannelChange,
    channels: readonly StoredChannel[],
    offset: number,
  ): Promise<StoredChannel> {
    const { box } = this.#options;
    const before = this.#find(change.id, channels);
    if (before !== undefined && ![undefined, before.type].includes(change.type as string)) {
      throw invalid('type', 'cannot be changed: create another channel.');
    }
    const type = before?.type ?? change.type;
    const secrets = this.#options.types.secretsOf(type) ?? new Set();
    const checked = this.#options.types.check({
      type,
      common: commonOf(before, change),
      settings: merged(this.#openOf(before), change.settings, secrets),
    });
    this.#refuseFixedName(checked);
    const draining = change.draining ?? before?.draining ?? false;
    if (typeof draining !== 'boolean') {
      throw invalid('draining', 'must be true or false.');
    }
    const { id, createdAt } = before ?? (await this.#identify(checked, channels));
    return {
      id,
      type: checked.type,
      name: checked.name,
      createdAt,
      settings: sealSettings(checked.settings, { id, secrets, box }),
      options: optionsOf(checked),
      enabled: checked.enabled,
      draining,
      position: before?.position ?? nextPosition(channels) + offset,
      removedAt: null,
    };
  }

  /** Undefined for a new one. */
  #find(id: unknown, channels: readonly StoredChannel[]): StoredChannel | undefined {
    if (id === undefined) {
      return undefined;
    }
    if (typeof id !== 'string') {
      throw noSuchChannel();
    }
    this.#refuseFixed(id);
    const found = channels.find((channel) => channel.id === id);
    if (found === undefined) {
      throw noSuchChannel();
    }
    return found;
  }

  /** The settings in clear. Secrets that cannot be opened count as not set. */
  #openOf(before: StoredChannel | undefined): Readonly<Record<string, Json>> {
    const settings: [string, Json][] = [];
    for (const [name, value] of Object.entries(before?.settings ?? {})) {
      try {
        settings.push(...Object.entries(this.#openOne(before?.id ?? '', name, value)));
      } catch {
        // It has to be entered again.
      }
    }
    return Object.fromEntries(settings);
  }

  #openOne(id: string, name: string, value: Json): Readonly<Record<string, Json>> {
    return openSettings({ [name]: value }, id, this.#options.box);
  }

  /**
   * A type and name that had a channel before gets its id again, and so finds the files that it
   * holds.
   */
  async #identify(
    { type, name }: CheckedChannel,
    channels: readonly StoredChannel[],
  ): Promise<{ readonly id: string; readonly createdAt: number }> {
    const isNamed = (channel: { type: string; name: string }) =>
      channel.type === type && channel.name === name;
    if (channels.some((channel) => isNamed(channel) && channel.removedAt === null)) {
      throw conflict(`name: another channel of the type ${type} is called "${name}".`);
    }
    const now = this.#options.now();
    const known = (await this.#options.store.list()).find(isNamed);
    return known ?? { id: uuidv7(now), createdAt: now };
  }

  async #removed(id: string, channels: readonly StoredChannel[]): Promise<StoredChannel> {
    const { store, usage, now } = this.#options;
    const found = this.#find(id, channels);
    if (found === undefined || found.removedAt !== null) {
      throw noSuchChannel();
    }
    const { blobs } = await usage(id);
    if (blobs > 0) {
      throw conflict(
        `The channel "${found.name}" holds ${blobs} stored objects. Delete or move its files first; draining it keeps new ones out.`,
        { files: blobs },
      );
    }
    if (await store.isInUse(id)) {
      throw conflict(
        `Unfinished uploads or pending deletions need the channel "${found.name}". Drain it, and try again later.`,
        { files: 0 },
      );
    }
    return { ...found, removedAt: now() };
  }

  #isFixed(id: string): boolean {
    return this.#options.fixed.some((entry) => entry.id === id);
  }

  #refuseFixed(id: string): void {
    if (this.#isFixed(id)) {
      throw conflict('This channel is set in the configuration: change it there.');
    }
  }

  #refuseFixedName({ type, name }: CheckedChannel): void {
    if (this.#options.fixed.some((entry) => entry.type === type && entry.name === name)) {
      throw conflict(
        `name: the configuration has a channel of the type ${type} that is called "${name}".`,
      );
    }
  }

  async #presentFixed(entry: ChannelEntry): Promise<ManagedChannel> {
    const shown = await this.#shown(entry);
    return { ...shown, isFixed: true, draining: false, isRemoved: false, problem: undefined };
  }

  async #presentStored(channel: StoredChannel): Promise<ManagedChannel> {
    const { draining, removedAt } = channel;
    const options = channel.options as unknown as ChannelOptions;
    return {
      ...(await this.#shown({ ...channel, ...options })),
      isFixed: false,
      draining: draining || removedAt !== null,
      isRemoved: removedAt !== null,
      problem: this.#options.live.problemOf(channel.id),
    };
  }

  async #shown(entry: ChannelEntry) {
    const { id, type, name, enabled, weight, quota, maxOperations, pace } = entry;
    const { types } = this.#options;
    const { bytes, blobs } = await this.#options.usage(id);
    return {
      id,
      type,
      name,
      group: types.groupOf(type) ?? type,
      enabled,
      weight,
      quota,
      maxOperations,
      pace,
      ...shownSettings(entry.settings, types.secretsOf(type) ?? new Set()),
      usedBytes: bytes,
      objects: blobs,
    };
  }
}

function commonOf(before: StoredChannel | undefined, { common }: ChannelChange) {
  const old = before && { ...before.options, name: before.name, enabled: before.enabled };
  return { ...defaults, ...old, ...given(common) };
}

function merged(
  before: Readonly<Record<string, Json>>,
  change: Readonly<Record<string, unknown>>,
  secrets: ReadonlySet<string>,
): Readonly<Record<string, unknown>> {
  const isKept = ([name, value]: readonly [string, unknown]) => value === '' && secrets.has(name);
  const entries = Object.entries({
    ...before,
    ...Object.fromEntries(Object.entries(change).filter((entry) => !isKept(entry))),
  });
  return Object.fromEntries(entries.filter(([, value]) => value !== null && value !== undefined));
}

function given(change: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
}

function optionsOf({ weight, quota, maxOperations, pace }: ChannelOptions) {
  return JSON.parse(JSON.stringify({ weight, quota, maxOperations, pace })) as Record<string, Json>;
}

function nextPosition(channels: readonly StoredChannel[]): number {
  return Math.max(-1, ...channels.map(({ position }) => position)) + 1;
}

function noSuchChannel() {
  return fail('not_found', { message: 'No such channel.' });
}

function invalid(field: string, problem: string) {
  return fail('validation_error', {
    message: `${field} ${problem}`,
    details: { fields: [field] },
  });
}

function conflict(message: string, details?: Readonly<Record<string, unknown>>) {
  return fail('conflict', { message, details });
}
