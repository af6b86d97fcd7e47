import { randomUUID } from 'node:crypto';
import { realpathSync, unlink } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import type { Channel, Place, Ref } from '../../core/channel.ts';
import { makeFolder } from '../../core/disk/make-folder.ts';
import { writeOnce } from '../../core/disk/write-once.ts';
import { fail } from '../../core/errors.ts';
import { rowOf } from '../../core/small-objects.ts';
import { createByteBudget } from '../../core/streams/byte-budget.ts';
import { type DriverContext, defineDriver } from '../driver.ts';
import { createBlocks } from './blocks.ts';
import { checkDisk } from './check.ts';
import { createFolders, syncFolder } from './folders.ts';
import { io, ioSync, unlessMissing } from './io.ts';
import { listObjects } from './list.ts';
import { createMarks } from './marks.ts';
import { pathOf } from './names.ts';
import { createQuickDisk } from './quick-disk.ts';
import { createPageCacheHint, hasLinkedParent, readObject, sizeOf } from './read.ts';
import { createRowObjects } from './rows.ts';
import { createSpace } from './space.ts';
import { write } from './write.ts';

const settingsSchema = z.strictObject({
  path: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Folder for the objects; relative paths start at the data folder. Default: `objects` there.',
    ),
  reserveBytes: z
    .int()
    .nonnegative()
    .optional()
    .describe(
      'Bytes of the disk that uploads leave free. Default: 256 MiB or 2 % of the disk, whichever is smaller.',
    ),
  shared: z
    .boolean()
    .optional()
    .describe(
      'With PostgreSQL: that every node mounts this same folder (or that there is only one node). A file `channel.id` in it proves it.',
    ),
});

/** Files in a folder, which nodes on several machines may share. */
export const localDriver = defineDriver({
  type: 'local',
  group: {
    name: 'local',
    label: 'Local',
    fallbackRank: 7,
    // Upload API 1.2: `cfr2` is the storage at hand.
    standsInFor: 'cfr2',
    takesChunks: true,
  },
  settings: settingsSchema,
  create: createLocalChannel,
});

/** The folder that a local channel with these settings keeps everything in. */
export function localRoot(settings: unknown, dataDir: string): string {
  return resolve(dataDir, settingsSchema.parse(settings).path ?? 'objects');
}

/**
 * Where below its root a local channel keeps the object of `ref`; undefined when this is no ref of
 * one.
 */
export function objectPath(ref: Ref): string | undefined {
  const path = pathOf(ref);
  return path && `objects/${path}`;
}

const kiB = 1024;
const batchLimits = { totalBytes: 8 * 1024 * kiB, minBytes: 64 * kiB, maxBytes: 768 * kiB };
const chunkLimits = { totalBytes: 12 * 1024 * kiB, minBytes: 128 * kiB, maxBytes: 512 * kiB };

type LocalContext = Pick<DriverContext, 'dataDir' | 'smallObjects' | 'smallObjectBytes'>;

export function createLocalChannel(
  settings: z.infer<typeof settingsSchema>,
  { dataDir, smallObjects, smallObjectBytes = 0 }: LocalContext,
): Channel {
  const root = openRoot(resolve(dataDir, settings.path ?? 'objects'));
  const objects = join(root, 'objects');
  ioSync(() => makeFolder(objects));
  const disk = createQuickDisk();
  const warm = createPageCacheHint();
  const marks = createMarks(root, { objects, disk, isShared: settings.shared ?? false });
  const folders = createFolders(objects);
  const space = createSpace(root, settings.reserveBytes);
  const writeBudget = createByteBudget(batchLimits);
  const readBudget = createByteBudget(chunkLimits);
  const blocks = createBlocks();

  const rowObjects = createRowObjects({
    store: smallObjects,
    maxBytes: smallObjectBytes,
    root,
    dataDir,
    space,
  });

  const channel: Channel = {
    limits: {},
    remote: false,
    put: (body, options) =>
      write(body, options, {
        objects,
        folders,
        marks,
        space,
        disk,
        warm,
        budget: writeBudget,
        blocks,
      }),
    rows: rowObjects.rows,
    get: (ref, options) => {
      const row = rowOf(ref);
      if (row !== undefined) {
        return rowObjects.get(row, options);
      }
      const path = pathOf(ref);
      return path === undefined
        ? Promise.reject(fail('not_found'))
        : readObject(path, options, { objects, disk, warm, budget: readBudget });
    },
    delete: async (ref) => {
      const row = rowOf(ref);
      if (row !== undefined) {
        await rowObjects.delete(row);
        return;
      }
      const path = pathOf(ref);
      if (path !== undefined) {
        await removeObject(join(objects, path));
        await marks.remove(path);
      }
    },
    check: ({ signal }) => checkDisk({ marks, space, signal }),
    settle: async (ref) => {
      const path = pathOf(ref);
      if (path !== undefined) {
        await marks.remove(path);
      }
    },
    unsettled: () => marks.unsettled(),
    size: async (ref) => {
      const row = rowOf(ref);
      if (row !== undefined) {
        return rowObjects.size(row);
      }
      const path = pathOf(ref);
      if (path === undefined) {
        throw fail('not_found');
      }
      return sizeOf(join(objects, path));
    },
    file: (ref) => {
      const path = pathOf(ref);
      return path && join(objects, path);
    },
    list: () => listObjects(objects),
    close: async () => {
      folders.close();
      marks.close();
    },
  };
  return settings.shared ? { ...channel, place: () => placeOf(root) } : channel;
}

async function placeOf(root: string): Promise<Place> {
  const where = join(root, 'channel.id');
  return { where, id: String(await writeOnce(where, Buffer.from(`${randomUUID()}\n`))).trim() };
}

/** The owner may make the root itself a symlink; below it none is followed. */
function openRoot(path: string): string {
  return ioSync(() => {
    makeFolder(path);
    return realpathSync(path);
  });
}

async function removeObject(file: string): Promise<void> {
  if (hasLinkedParent(file)) {
    return;
  }
  if (await unlessMissing(io((done) => unlink(file, done)))) {
    await syncFolder(dirname(file));
  }
}
