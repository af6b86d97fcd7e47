import { isDeepStrictEqual } from 'node:util';
import type { Json } from '../bytes.ts';
import type { Channel, Ref } from '../channel.ts';
import type { JobHandler } from '../jobs/job-runner.ts';
import type { FileStore, NewJob, Segment } from '../metadata.ts';
import { uuidv7 } from '../uuid.ts';
import type { ChannelPool } from './channel-pool.ts';

/** The job that removes one object from its channel. */
export function deleteObjectJob(
  channelId: string,
  segment: Pick<Segment, 'ref'>,
  runAt: number,
): NewJob {
  return { id: uuidv7(), kind: 'delete_object', payload: { channelId, ref: segment.ref }, runAt };
}

/** The job that aborts an unfinished multipart upload of a store. */
export function abortMultipartJob(channelId: string, state: Json, runAt: number): NewJob {
  return { id: uuidv7(runAt), kind: 'abort_multipart', payload: { channelId, state }, runAt };
}

/**
 * Objects that were stored in vain and that the backend would not delete at once: for
 * `StoreOptions.onLeftOver`.
 */
export interface LeftOver {
  readonly onLeftOver: (ref: Ref) => void;
  /**
   * Their removal. Where names are chosen by us, a later try may have stored one of the good
   * objects, `kept`, under the same name.
   */
  jobs(kept: readonly Segment[], runAt: number): readonly NewJob[];
}

export function collectLeftOver(channelId: string): LeftOver {
  const refs: Ref[] = [];
  return {
    onLeftOver: (ref) => void refs.push(ref),
    jobs: (kept, runAt) =>
      refs
        .filter((ref) => !kept.some((segment) => isDeepStrictEqual(segment.ref, ref)))
        .map((ref) => deleteObjectJob(channelId, { ref }, runAt)),
  };
}

export interface Reclaim {
  readonly channelId: string;
  readonly ref: Ref;
  /** Of the blob that the object is for: once the library knows it, the object stays. */
  readonly storageId: string;
}

/**
 * Written before bytes go out to a remote store: removes the object unless the library has come to
 * promise it.
 */
export function reclaimObjectJob({ channelId, ref, storageId }: Reclaim, runAt: number): NewJob {
  return { id: uuidv7(), kind: 'reclaim_object', payload: { channelId, ref, storageId }, runAt };
}

/** The job that ends a store's own presigned upload and removes what lies at its address. */
export function abortPresignJob(channelId: string, state: Json, runAt: number): NewJob {
  return { id: uuidv7(), kind: 'abort_presign', payload: { channelId, state }, runAt };
}

/** What each of these jobs does; for the job runner. */
export function storageJobs(
  pool: ChannelPool,
  files: Pick<FileStore, 'knowsStorageId'>,
): Readonly<Record<string, JobHandler>> {
  const read = (
    payload: Json,
  ): { readonly channelId: string; readonly ref: Ref; readonly state: Json } =>
    payload as { channelId: string; ref: Ref; state: Json };
  const channelOf = (payload: Json): Channel => pool.byId(read(payload).channelId).channel;
  return {
    delete_object: (payload, { signal }) =>
      channelOf(payload).delete(read(payload).ref, { signal }),
    reclaim_object: async (payload, { signal }) => {
      const { storageId } = payload as { storageId: string };
      if (!(await files.knowsStorageId(storageId))) {
        await channelOf(payload).delete(read(payload).ref, { signal });
      }
    },
    abort_multipart: async (payload, { signal }) =>
      channelOf(payload).multipart?.abort(read(payload).state, { signal }),
    abort_presign: async (payload, { signal }) =>
      channelOf(payload).presign?.abort(read(payload).state, { signal }),
  };
}
