import type { Json } from '../bytes.ts';

/** A channel as it is written, secrets in clear: what a driver makes a channel of. */
export interface ChannelEntry extends ChannelOptions {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly enabled: boolean;
  /** Of its type. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** What channels of all types have. */
export interface ChannelOptions {
  readonly weight: number;
  readonly quota?: { readonly limitGB: number; readonly threshold: number } | undefined;
  readonly maxOperations?: number | undefined;
  readonly pace?:
    | { readonly perSecond?: number | undefined; readonly perMinute?: number | undefined }
    | undefined;
}

/** What is known of the types of channels. Made of their drivers. */
export interface ChannelTypes {
  /** Names of the settings that are never shown. Undefined for an unknown type. */
  secretsOf(type: unknown): ReadonlySet<string> | undefined;
  /** Name of the group of `uploadChannel`. Undefined for an unknown type. */
  groupOf(type: string): string | undefined;
  /**
   * The channel, with defaults where nothing was given. Throws `validation_error` with a sentence
   * for each problem, which begins with the name of the setting and holds no secret, and with these
   * names as `details.fields`.
   */
  check(input: ChannelInput): CheckedChannel;
}

export interface ChannelInput {
  readonly type: unknown;
  /** Members of `ChannelOptions`, `name` and `enabled`; unverified. */
  readonly common: Readonly<Record<string, unknown>>;
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface CheckedChannel extends Omit<ChannelEntry, 'id' | 'settings'> {
  readonly settings: Readonly<Record<string, Json>>;
}
