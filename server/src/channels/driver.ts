import { z } from 'zod';
import type { Channel } from '../core/channel.ts';

/**
 * The values of the Upload API's `uploadChannel` (plus ours): the groups that channels are chosen
 * from.
 */
export type ChannelGroup =
  | 'local'
  | 'memory'
  | 's3'
  | 'cfr2'
  | 'telegram'
  | 'discord'
  | 'huggingface'
  | 'webdav'
  | 'cloudflare_images';

/**
 * The code of a channel type. One folder per driver; `index.ts` there exports one or more of these,
 * the registry lists them.
 */
export interface Driver<Settings = unknown> {
  /** `type` in the configuration, lower case. */
  readonly type: string;
  readonly group: ChannelGroup;
  /**
   * Value of `Channel` in file metadata of the Upload API, such as `TelegramNew` or `CloudflareR2`.
   */
  readonly label: string;
  /** Strict object; every member has a `.describe()` sentence, secrets are made with `secret()`. */
  readonly settings: z.ZodType<Settings>;
  create(settings: Settings, context: DriverContext): Channel | Promise<Channel>;
}

export interface DriverContext {
  /** Absolute path of the data folder; a driver that needs disk uses a folder of its own in it. */
  readonly dataDir: string;
}

/** Keeps a driver's settings type for its factory while the registry holds drivers of all kinds. */
export function defineDriver<Settings>(driver: Driver<Settings>): Driver {
  return {
    ...driver,
    create: (settings, context) => driver.create(driver.settings.parse(settings), context),
  };
}

/**
 * A setting that must never be shown; in the configuration file `nameFile` may give a path to read
 * it from.
 */
export function secret(description: string): z.ZodString {
  return z.string().min(1).meta({ secret: true, description });
}
