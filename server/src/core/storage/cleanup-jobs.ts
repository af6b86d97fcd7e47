import { isDeepStrictEqual } from 'node:util';
import type { Json } from '../bytes.ts';
import type { Channel, Ref } from '../channel.ts';
import { type Clock, orphanAfterMs } from '../clock.ts';
import type { JobHandler } from '../jobs/job-runner.ts';
import type { FileStore, NewJob, Segment } from '../metadata.ts';
import { uuidv7 } from '../uuid.ts';
import type { ChannelPool } from './channel-pool.ts';
import type { StoreOptions } from './store-objects.ts';

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

/** What `storeSpool` with these options may leave at the backend. */
export interface LeftOver extends Required<Pick<StoreOptions, 'onLeftOver' | 'noteUpload'>> {
  /** Ids of the jobs that abort what was begun, later: void once the outcome is known. */
  readonly noted: readonly string[];
  /**
   * Removal of the objects that were stored in vain and that the backend would not delete at once.
   * Where names are chosen by us, a later try may have stored one of the good objects, `kept`,
   * under the same name.
   */
  jobs(kept: readonly Segment[], runAt: number): readonly NewJob[];
}

export interface LeftOverOptions {
  readonly channelId: string;
  readonly now: Clock;
  readonly addJobs: (jobs: readonly NewJob[]) => Promise<void>;
}

export function collectLeftOver({ channelId, now, addJobs }: LeftOverOptions): LeftOver {
  const refs: Ref[] = [];
  const states: Json[] = [];
  const noted: string[] = [];
  return {
    noted,
    onLeftOver: (ref) => void refs.push(ref),
    async noteUpload(state) {
      const job = abortMultipartJob(channelId, state, now() + orphanAfterMs);
      await addJobs([job]);
      noted.push(job.id);
      states.push(state);
    },
    jobs: (kept, runAt) => [
      ...refs
        .filter((ref) => !kept.some((segment) => isDeepStrictEqual(segment.ref, ref)))
        .map((ref) => deleteObjectJob(channelId, { ref }, runAt)),
      // The last one is the object that was kept.
      ...states
        .slice(0, kept.length > 0 ? -1 : undefined)
        .map((state) => abortMultipartJob(channelId, state, runAt)),
    ],
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
