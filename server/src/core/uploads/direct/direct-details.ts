import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Caller } from '../../access/access.ts';
import type { Json } from '../../bytes.ts';
import type { Upload } from '../../metadata.ts';
import { nameModes } from '../../naming/file-id.ts';
import { salvage } from '../salvage.ts';

const details = z.object({
  path: z.string(),
  filePath: z.string(),
  storageId: z.string(),
  key: z.string(),
  filename: z.string(),
  contentType: z.string(),
  folder: z.string(),
  nameMode: z.enum(nameModes),
  size: z.number(),
  sha256: z.string(),
  ip: z.string().nullable(),
  state: z.custom<Json>(() => true),
  /**
   * The store already had the bytes, from another caller: this caller must send them here once to
   * prove that they have them too.
   */
  proof: z.enum(['wanted', 'given']).nullable().default(null),
});

/** The details of an upload of kind `direct`. */
export type DirectDetails = Readonly<z.infer<typeof details>>;

/** An upload of kind `direct` whose row has been read. */
export interface DirectRow extends Upload {
  readonly details: DirectDetails;
}

/** The values by which a caller names the upload to commit. */
export interface DirectCommit {
  readonly path: string;
  readonly filePath: string;
  readonly sha256: string;
  readonly size: number;
}

const commitResult = z.object({ fileId: z.string(), url: z.string() });
export type CommitResult = Readonly<z.infer<typeof commitResult>>;

/** Throws when the row cannot be read. */
export function readDirect(upload: Upload): DirectRow {
  return { ...upload, details: details.parse(upload.details) };
}

/** For a repeated commit: the result of the first one. Undefined before it. */
export function commitResultOf({ state, result }: Upload): CommitResult | undefined {
  return state === 'done' ? commitResult.parse(result) : undefined;
}

/** The name of the object at the store; undefined when the row cannot be read. */
export function keyOf(upload: Upload): string | undefined {
  return salvage(upload, 'key', details.shape.key);
}

/** From what the client repeats. The file path contains a fresh id, so it cannot be guessed. */
export function directIdOf(filePath: string): string {
  return `direct_${createHash('sha256').update(filePath).digest('hex')}`;
}

/** The upload that was issued to this caller for exactly these values. */
export function issuedUpload(
  upload: Upload | undefined,
  request: DirectCommit,
  caller: Caller,
): DirectRow | undefined {
  if (upload === undefined || upload.kind !== 'direct' || upload.owner !== caller.owner) {
    return undefined;
  }
  const known = details.safeParse(upload.details).data;
  const isSame =
    known?.path === request.path &&
    known.filePath === request.filePath &&
    known.sha256 === request.sha256 &&
    known.size === request.size;
  return isSame ? { ...upload, details: known } : undefined;
}
