import { createHash } from 'node:crypto';
import type { ReplayableBody } from '../../core/bytes.ts';
import { fail } from '../../core/errors.ts';
import { raceAbort } from '../../core/guard/race-abort.ts';
import { bytesBody } from '../../core/streams/body.ts';
import type { DigestService } from '../../core/streams/digests.ts';
import { exactly } from '../../core/streams/exactly.ts';
import { readAll } from '../../core/streams/peek.ts';
import { type Hub, isRepoGone } from './api.ts';
import { type Committer, type CommitterOptions, createCommitter } from './committer.ts';
import { uploadLfs } from './lfs.ts';
import { proveStored } from './proof.ts';
import type { LfsObject } from './wire.ts';

/**
 * What the hub may get inside a commit; larger files go through LFS, also where the hub would take
 * them as regular ones.
 */
const inlineBytes = 1024 * 1024;

/** First bytes of a file by which the hub decides. */
export const sampleBytes = 512;

export interface Repository {
  readonly hub: Hub;
  readonly committer: Committer;
  readonly digests: Pick<DigestService, 'tap'>;
  /** Where a key lives. */
  pathOf(key: string): string;
  /** Resolves once repository and branch exist; asks the hub once. */
  ensure(signal: AbortSignal): Promise<void>;
  /**
   * Runs `work` in the repository that exists by then; forgets that it does when the hub reports
   * otherwise.
   */
  inside<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>;
}

export interface RepositoryOptions {
  readonly folder: string;
  readonly commit: CommitterOptions;
  readonly digests: Pick<DigestService, 'tap'>;
}

export function createRepository(hub: Hub, options: RepositoryOptions): Repository {
  let known: Promise<void> | undefined;
  const ensure = async (signal: AbortSignal): Promise<void> => {
    // One question for all who wait: the abort of one of them must not end it.
    known ??= hub.ensureRepo(new AbortController().signal);
    const asked = known;
    try {
      await raceAbort(asked, signal);
    } catch (error) {
      // Others that wait for the same answer get the same error; the next one asks anew.
      if (!signal.aborted && known === asked) {
        known = undefined;
      }
      throw error;
    }
  };
  return {
    hub,
    committer: createCommitter(hub, options.commit),
    digests: options.digests,
    pathOf: (key) => `${options.folder}/${spread(key)}`,
    ensure,
    async inside(signal, work) {
      await ensure(signal);
      try {
        return await work();
      } catch (error) {
        if (!isRepoGone(error)) {
          throw error;
        }
        known = undefined;
        throw fail('channel_unavailable', { message: (error as Error).message, cause: error });
      }
    },
  };
}

/** `2026/11/a.jpg` -> `2026/11/3f/a.jpg`: the hub wants less than 10,000 entries in a folder. */
function spread(key: string): string {
  const bucket = createHash('sha1').update(key).digest('hex').slice(0, 2);
  const cut = key.lastIndexOf('/') + 1;
  return `${key.slice(0, cut)}${bucket}/${key.slice(cut)}`;
}

export interface Stored extends LfsObject {
  readonly path: string;
  readonly signal: AbortSignal;
}

/**
 * Stores the bytes under `path`: inside the commit when they are few and the hub wants them so,
 * otherwise in LFS.
 */
export async function storeFile(
  repository: Repository,
  body: ReplayableBody,
  file: Stored,
): Promise<void> {
  repository.committer.assertOpen();
  if (file.size > inlineBytes) {
    return storeLfs(repository, body, file);
  }
  const { path, size, signal } = file;
  const content = await raceAbort(readAll(exactly(body.open(), size)), signal);
  if (await isInline(repository.hub, content, file)) {
    return repository.committer.apply({ kind: 'regular', path, content }, signal);
  }
  return storeLfs(repository, bytesBody(content), file);
}

async function isInline(
  hub: Hub,
  content: Uint8Array,
  { path, size, signal }: Stored,
): Promise<boolean> {
  // S3 takes no empty object, so the hub never has empty files in LFS.
  if (size === 0) {
    return true;
  }
  const sample = content.subarray(0, sampleBytes);
  return (await hub.preupload({ path, size, sample }, signal)) === 'regular';
}

async function storeLfs(
  repository: Repository,
  body: ReplayableBody,
  { path, oid, size, signal }: Stored,
): Promise<void> {
  const isForeign = await uploadLfs(repository.hub, body, { oid, size, signal });
  await repository.committer.apply({ kind: 'lfs', path, oid, size }, signal);
  if (isForeign) {
    await proveStored(repository, { path, oid, size, foreign: true, signal });
  }
}
