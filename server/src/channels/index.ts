import type { ChannelGroup } from '../core/storage/channel-group.ts';
import { cloudflareImagesDriver } from './cloudflare-images/index.ts';
import { discordDriver } from './discord/index.ts';
import type { Driver } from './driver.ts';
import { huggingfaceDriver } from './huggingface/index.ts';
import { localDriver } from './local/index.ts';
import { memoryDriver } from './memory/index.ts';
import { s3Drivers } from './s3/index.ts';
import { telegramDriver } from './telegram/index.ts';
import { webdavDriver } from './webdav/index.ts';

/** The only list of drivers, by type. */
export const drivers: readonly Driver[] = [
  cloudflareImagesDriver,
  discordDriver,
  huggingfaceDriver,
  localDriver,
  memoryDriver,
  ...s3Drivers,
  telegramDriver,
  webdavDriver,
].sort((one, other) => (one.type < other.type ? -1 : 1));

/** What callers choose channels from, each group once. */
export const channelGroups: readonly ChannelGroup[] = [
  ...new Set(drivers.map(({ group }) => group)),
];

/** The driver of a channel `type` in the configuration. */
export function findDriver(type: string): Driver | undefined {
  return drivers.find((driver) => driver.type === type);
}
