import type { Caller } from '../../core/access/access.ts';
import { fail } from '../../core/errors.ts';
import type { StoredFile } from '../../core/metadata.ts';
import { isGivenOnce, nameCandidates, seenName } from '../../core/naming/file-id.ts';
import type { IntakeResult } from '../../core/storage/intake.ts';
import type { HttpDeps } from '../deps.ts';
import type { UploadOptions } from './query.ts';

/** A file of a form whose bytes are stored, and that has no name in the library yet. */
export interface TakenFile {
  readonly filename: string;
  readonly bytes: Omit<IntakeResult, 'head'>;
  readonly width: number | null | undefined;
  readonly height: number | null | undefined;
}

export interface Recording {
  readonly taken: readonly TakenFile[];
  readonly options: UploadOptions;
  readonly caller: Caller;
  readonly ip: string;
}

/**
 * Gives the files their names, in order. All of them or none: what was named before one failed is
 * removed again.
 */
export async function recordFiles(
  { taken, ...recording }: Recording,
  deps: HttpDeps,
): Promise<readonly StoredFile[]> {
  const added: StoredFile[] = [];
  try {
    for (const file of taken) {
      added.push(await record(file, recording, deps));
    }
    return added;
  } catch (error) {
    await Promise.allSettled(added.map(({ file }) => deps.files.remove(file.id)));
    await discard(taken.slice(added.length), error, deps);
    throw error;
  }
}

/** Removes bytes that nothing will promise because of `error`. */
export async function discard(
  taken: readonly TakenFile[],
  error: unknown,
  { intake }: Pick<HttpDeps, 'intake'>,
): Promise<void> {
  await Promise.allSettled(taken.map(({ bytes }) => intake.discard(bytes, error)));
}

async function record(
  { filename, bytes, width, height }: TakenFile,
  { options, caller, ip }: Omit<Recording, 'taken'>,
  deps: HttpDeps,
): Promise<StoredFile> {
  const { contentType } = bytes;
  const mode = options.nameMode ?? 'default';
  const added = await deps.files.add({
    bytes,
    filename: seenName(filename),
    path: nameCandidates({ mode, filename, contentType, folder: options.uploadFolder ?? '' }),
    givenOnce: isGivenOnce(mode),
    ...{ contentType, width, height, ip },
    uploader: caller.token?.id ?? null,
    promisedTo: caller.owner,
  });
  if (added === undefined) {
    throw fail('internal_error');
  }
  return added;
}
