import { z } from 'zod';
import type { Channel } from '../core/channel.ts';
import type { Prober } from '../core/prober.ts';
import type { SmallObjectStore } from '../core/small-objects.ts';
import type { ChannelGroup } from '../core/storage/channel-group.ts';

/**
 * The code of a channel type. One folder per driver; `index.ts` there exports one or more of these,
 * the registry lists them.
 */
export interface Driver<Settings = unknown> {
  /** `type` in the configuration, lower case. */
  readonly type: string;
  /** Drivers whose channels callers choose by one name share it. */
  readonly group: ChannelGroup;
  /** Strict object; every member has a `.describe()` sentence, secrets are made with `secret()`. */
  readonly settings: z.ZodType<Settings>;
  create(settings: Settings, context: DriverContext): Channel | Promise<Channel>;
}

export interface DriverContext {
  /** Absolute path of the data folder; a driver that needs disk uses a folder of its own in it. */
  readonly dataDir: string;
  /** For stores that take pictures of some sizes only. */
  readonly prober: Pick<Prober, 'fromHead'>;
  /** Rows of the database in `dataDir`. Absent where small objects do not belong in it. */
  readonly smallObjects?: SmallObjectStore | undefined;
  /** Largest object that becomes a row. Default 0: none. Rows that exist are read in any case. */
  readonly smallObjectBytes?: number | undefined;
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
