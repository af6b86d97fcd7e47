import type { FileRecord } from '../../core/metadata.ts';
import type { Flavor } from '../flavor.ts';
import { run, statement, type Work } from '../work.ts';

export type CountedFile = Pick<FileRecord, 'id' | 'folder' | 'size' | 'channelId' | 'createdAt'>;

/** Counts of the files directly in each folder, and of those of each hour. */
export interface FolderCounts {
  /** Counts a file with its folder and its hour. */
  add(file: CountedFile): Work<void>;
  remove(file: CountedFile): Work<void>;
  /** The hour stays. */
  move(file: CountedFile, folder: string): Work<void>;
}

export const hourMs = 3_600_000;
const hexDigits = '0123456789abcdef';

/** A file counts in the same row for all its life, so that an empty folder has rows of 0. */
function shardOfFile(id: string, shards: number): number {
  return Math.max(0, hexDigits.indexOf(id.at(-1) ?? '')) % shards;
}

export function folderCounts({ db, database, counterShards }: Flavor): FolderCounts {
  type Folder = { path: string; shard: number; files: number; bytes: number };
  type Hour = { hour: number; channelId: string; shard: number; files: number };
  const countIn = (on: Pick<typeof db, 'insertInto'>, row: Folder) =>
    on
      .insertInto('folders')
      .values({ path: row.path, shard: row.shard, files: row.files, bytes: row.bytes })
      .onConflict((conflict) =>
        conflict.columns(['path', 'shard']).doUpdateSet((old) => ({
          files: old('folders.files', '+', old.ref('excluded.files')),
          bytes: old('folders.bytes', '+', old.ref('excluded.bytes')),
        })),
      );
  const hourIn = (on: Pick<typeof db, 'insertInto'>, row: Hour) =>
    on
      .insertInto('files_by_hour')
      .values({ hour: row.hour, channel_id: row.channelId, shard: row.shard, files: row.files })
      .onConflict((conflict) =>
        conflict.columns(['hour', 'channel_id', 'shard']).doUpdateSet((old) => ({
          files: old('files_by_hour.files', '+', old.ref('excluded.files')),
        })),
      );
  const count = statement((row: Folder) => countIn(db, row));
  const countHour = statement((row: Hour) => hourIn(db, row));
  /** PostgreSQL: both in one round trip. */
  const countBoth = statement((row: Folder & Hour) =>
    countIn(
      db.with('counted', (on) => hourIn(on, row)),
      row,
    ),
  );
  const dropEmpty = statement((of: { path: string; shard: number }) =>
    db
      .deleteFrom('folders')
      .where('path', '=', of.path)
      .where('shard', '=', of.shard)
      .where('files', '<=', 0),
  );

  function* change(file: CountedFile, path: string, sign: 1 | -1): Work<void> {
    const shard = shardOfFile(file.id, counterShards);
    yield* run(count({ path, shard, files: sign, bytes: sign * file.size }));
    if (sign === -1) {
      yield* run(dropEmpty({ path, shard }));
    }
  }

  function hourOf(file: CountedFile, files: 1 | -1): Hour {
    const shard = shardOfFile(file.id, counterShards);
    const hour = Math.floor(file.createdAt / hourMs);
    return { hour, channelId: file.channelId, shard, files };
  }

  return {
    *add(file) {
      const hour = hourOf(file, 1);
      if (database === 'postgresql') {
        yield* run(countBoth({ ...hour, path: file.folder, bytes: file.size }));
      } else {
        yield* change(file, file.folder, 1);
        yield* run(countHour(hour));
      }
    },
    *remove(file) {
      yield* change(file, file.folder, -1);
      yield* run(countHour(hourOf(file, -1)));
    },
    *move(file, folder) {
      const changes = [
        { path: file.folder, sign: -1 },
        { path: folder, sign: 1 },
      ] as const;
      // In one order, because two moves could otherwise wait for each other.
      for (const { path, sign } of changes.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
        yield* change(file, path, sign);
      }
    },
  };
}
