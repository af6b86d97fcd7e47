import { z } from 'zod';
import { fail } from '../errors.ts';
import type { FileRecord, Replica, StoredFile } from '../metadata.ts';
import type { ConfiguredChannel } from '../storage/channel-pool.ts';

const count = z.int().min(0);
const when = z.int().min(0).max(8.64e15);
const hex = z.string().regex(/^[0-9a-f]{64}$/);
const text = (max: number) => z.string().max(max);

const copy = z.strictObject({
  channel: z.strictObject({ type: text(255), name: text(255) }),
  segments: z.array(z.strictObject({ ref: z.json(), size: count, hash: hex })).max(100_000),
});

const fileBackup = z.strictObject({
  stowage: z.literal(1),
  file: z.strictObject({
    id: z.uuid(),
    filename: text(1024),
    contentType: text(255).min(1),
    width: count.nullable(),
    height: count.nullable(),
    durationSeconds: z.number().min(0).nullable(),
    tags: z.array(text(255)).max(1000),
    listType: z.enum(['None', 'Block', 'White']),
    label: text(255),
    uploader: text(255).nullable(),
    ip: text(255).nullable(),
    givenOnce: z.boolean(),
    createdAt: when,
    updatedAt: when,
  }),
  blob: z.strictObject({
    id: z.uuid(),
    size: count,
    hash: z.string().regex(/^[0-9a-f]{64}(?:-\d{1,7})?$/),
    sha256: hex.nullable(),
    createdAt: when,
  }),
  copies: z.array(copy).max(100),
});

/**
 * A file in a backup: everything but its path and its bytes, and where these are. A channel goes by
 * type and name, because its id is another one in every library.
 */
export type FileBackup = z.infer<typeof fileBackup>;
type Copy = z.infer<typeof copy>;

/** Damaged copies, and those on channels that are no longer configured, are left out. */
export function writeFileBackup(
  { file, blob, replicas }: StoredFile,
  channels: readonly ConfiguredChannel[],
): string {
  const backup: FileBackup = {
    stowage: 1,
    file: factsOf(file),
    blob: {
      id: blob.id,
      size: blob.size,
      hash: blob.hash,
      sha256: blob.sha256,
      createdAt: blob.createdAt,
    },
    copies: replicas.flatMap((replica) => copyOf(replica, channels)),
  };
  return JSON.stringify(backup);
}

/** Throws `validation_error` for a text that is none of ours. */
export function readFileBackup(written: unknown): FileBackup {
  const parsed = fileBackup.safeParse(parse(written));
  if (!parsed.success) {
    throw fail('validation_error', { message: 'This is no row of a backup of Stowage.' });
  }
  return parsed.data;
}

function parse(written: unknown): unknown {
  try {
    return typeof written === 'string' ? JSON.parse(written) : undefined;
  } catch {
    return undefined;
  }
}

function factsOf(file: FileRecord): FileBackup['file'] {
  return {
    id: file.id,
    filename: file.filename,
    contentType: file.contentType,
    width: file.width,
    height: file.height,
    durationSeconds: file.durationSeconds,
    tags: [...file.tags],
    listType: file.listType,
    label: file.label,
    uploader: file.uploader,
    ip: file.ip,
    givenOnce: file.givenOnce,
    createdAt: file.createdAt,
    updatedAt: file.updatedAt,
  };
}

function copyOf(
  { channelId, segments, state }: Replica,
  channels: readonly ConfiguredChannel[],
): readonly Copy[] {
  const channel = channels.find(({ id }) => id === channelId);
  if (channel === undefined || state === 'damaged') {
    return [];
  }
  const { type, name } = channel;
  return [
    {
      channel: { type, name },
      segments: segments.map(({ ref, size, hash }) => ({ ref, size, hash }) as Copy['segments'][0]),
    },
  ];
}
