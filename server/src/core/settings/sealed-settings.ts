import type { Json } from '../bytes.ts';
import type { StoredChannel } from '../metadata.ts';
import type { ChannelEntry, ChannelOptions } from './channel-entry.ts';
import { isSealed, type SecretBox } from './secret-box.ts';

type Settings = Readonly<Record<string, Json>>;

/** Seals the secrets among the settings of a channel. */
export function sealSettings(
  settings: Settings,
  { id, secrets, box }: { id: string; secrets: ReadonlySet<string>; box: SecretBox },
): Settings {
  return mapValues(settings, (name, value) =>
    secrets.has(name) ? sealed(box.seal(JSON.stringify(value), placeOf(id, name))) : value,
  );
}

/** Throws what `SecretBox.open` throws. */
export function openSettings(settings: Settings, id: string, box: SecretBox): Settings {
  return mapValues(settings, (name, value) =>
    isSealed(value) ? (JSON.parse(box.open(value, placeOf(id, name))) as Json) : value,
  );
}

/**
 * The settings with their secrets in another box. Those that are in it already stay as they are.
 */
export function resealSettings(
  settings: Settings,
  { id, from, to }: { id: string; from: SecretBox; to: SecretBox },
): Settings {
  return mapValues(settings, (name, value) => {
    const place = placeOf(id, name);
    return isSealed(value) && value.kid !== to.kid
      ? sealed(to.seal(from.open(value, place), place))
      : value;
  });
}

/**
 * What can be shown: the settings that are no secrets, and the names of the secrets that are set.
 */
export function shownSettings(
  settings: Readonly<Record<string, unknown>>,
  secrets: ReadonlySet<string>,
): { readonly settings: Readonly<Record<string, unknown>>; readonly secrets: readonly string[] } {
  const isSecret = (name: string, value: unknown) => secrets.has(name) || isSealed(value);
  const entries = Object.entries(settings);
  return {
    settings: Object.fromEntries(entries.filter(([name, value]) => !isSecret(name, value))),
    secrets: entries.flatMap(([name, value]) => (isSecret(name, value) ? [name] : [])),
  };
}

/** The entry that a driver makes a channel of. */
export function openEntry(channel: StoredChannel, box: SecretBox): ChannelEntry {
  const { id, type, name, enabled, draining, removedAt } = channel;
  return {
    ...(channel.options as unknown as ChannelOptions),
    id,
    type,
    name,
    enabled: enabled && !draining && removedAt === null,
    settings: openSettings(channel.settings, id, box),
  };
}

function placeOf(id: string, name: string): string {
  return `channel ${id}, ${name}`;
}

function sealed(secret: ReturnType<SecretBox['seal']>): Json {
  return { ...secret };
}

function mapValues(settings: Settings, change: (name: string, value: Json) => Json): Settings {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [name, change(name, value)]),
  );
}
