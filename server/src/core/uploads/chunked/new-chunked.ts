import { randomBytes } from 'node:crypto';
import type { Caller } from '../../access/access.ts';
import type { Clock } from '../../clock.ts';
import { fail } from '../../errors.ts';
import type { ChannelPool, Choice, ConfiguredChannel } from '../../storage/channel-pool.ts';
import { uuidv7 } from '../../uuid.ts';
import { newUpload } from '../new-upload.ts';
import {
  type ChunkedDetails,
  type ChunkedUpload,
  type NamingOptions,
  readChunked,
} from './chunked-details.ts';
import { ChunkedRefusal } from './chunked-refusal.ts';

export interface ChunkedInit extends NamingOptions {
  readonly filename: string;
  readonly contentType: string;
  readonly totalChunks: number;
  readonly choice: Choice;
  readonly ip: string | null;
}

export interface NewChunkedOptions {
  readonly pool: ChannelPool;
  readonly now: Clock;
  readonly maxChunks: number;
  /** Life of an upload after its last sign of life. */
  readonly ttlMs: number;
}

/** The row of a new upload, on a channel that takes chunks. */
export async function newChunked(
  input: ChunkedInit,
  caller: Caller,
  { pool, now, maxChunks, ttlMs }: NewChunkedOptions,
): Promise<ChunkedUpload> {
  if (!isWithin(input.totalChunks, 1, maxChunks)) {
    throw new ChunkedRefusal({ reason: 'bad_total', maxChunks });
  }
  const channel = await chooseChannel(input.choice, pool);
  const at = now();
  const details: ChunkedDetails = {
    filename: input.filename,
    contentType: input.contentType,
    totalChunks: input.totalChunks,
    ip: input.ip,
    folder: input.folder ?? null,
    nameMode: input.nameMode ?? null,
    fullUrl: input.fullUrl ?? null,
    native: channel.channel.multipart === undefined ? false : null,
    storageId: uuidv7(at),
  };
  return readChunked(
    newUpload({
      // Upload API 2.1: upload_<ms>_<random>; the random part is what makes it unguessable.
      id: `upload_${at}_${randomBytes(16).toString('hex')}`,
      kind: 'chunked',
      owner: caller.owner,
      channelId: channel.id,
      details,
      read: readChunked,
      createdAt: at,
      expiresAt: at + ttlMs,
    }),
  );
}

async function chooseChannel(choice: Choice, pool: ChannelPool): Promise<ConfiguredChannel> {
  const { group, exact } = choice;
  const candidates = await pool.candidates(choice);
  const first = candidates.find(({ channel }) => channel !== undefined)?.channel;
  // A group that takes no chunks is never replaced by another channel, even when it has none.
  if (group !== undefined && first?.group !== group && !pool.group(group)?.takesChunks) {
    throw new ChunkedRefusal({ reason: 'unsupported_channel', group });
  }
  if (first === undefined && exact && group !== undefined) {
    throw new ChunkedRefusal({ reason: 'no_channel', group });
  }
  if (first === undefined) {
    throw fail('service_unavailable', { message: 'No storage channel is available' });
  }
  if (!takesChunks(first)) {
    throw new ChunkedRefusal({ reason: 'unsupported_channel', group: first.group });
  }
  return first;
}

/**
 * Chunks become parts of a native multipart upload, or objects that the file is read from one after
 * the other.
 */
function takesChunks({ channel }: ConfiguredChannel): boolean {
  return channel.multipart !== undefined || channel.limits.segment !== undefined || !channel.remote;
}

export function isWithin(number: number, min: number, max: number): boolean {
  return Number.isSafeInteger(number) && number >= min && number <= max;
}
