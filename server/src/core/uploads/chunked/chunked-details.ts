import { z } from 'zod';
import type { Json } from '../../bytes.ts';
import type { Upload } from '../../metadata.ts';
import { type NameMode, nameModes } from '../../naming/file-id.ts';
import { salvage } from '../salvage.ts';

const details = z.object({
  filename: z.string(),
  contentType: z.string(),
  totalChunks: z.number(),
  ip: z.string().nullable(),
  folder: z.string().nullable(),
  nameMode: z.enum(nameModes).nullable(),
  fullUrl: z.boolean().nullable(),
  /**
   * The store's own multipart upload, once the first chunk has decided for it; `false` when chunks
   * are objects of their own.
   */
  native: z.union([z.object({ state: z.custom<Json>(() => true) }), z.literal(false)]).nullable(),
  /** Name of the native object, and the blob that it becomes. */
  storageId: z.string(),
});

const mergeResult = z.object({ fileId: z.string(), fullUrl: z.boolean() });
export type MergeResult = Readonly<z.infer<typeof mergeResult>>;

/** The details of an upload of kind `chunked`. */
export type ChunkedDetails = Readonly<z.infer<typeof details>>;

/** An upload of kind `chunked` whose row has been read. */
export interface ChunkedUpload extends Upload {
  readonly details: ChunkedDetails;
}

/** May come with any step; the latest one counts. */
export interface NamingOptions {
  readonly folder?: string | undefined;
  readonly nameMode?: NameMode | undefined;
  readonly fullUrl?: boolean | undefined;
}

/** Throws when the row cannot be read. */
export function readChunked(upload: Upload): ChunkedUpload {
  return { ...upload, details: details.parse(upload.details) };
}

/** For a repeated merge: the result of the first one. Undefined before it. */
export function mergeResultOf({ state, result }: Upload): MergeResult | undefined {
  return state === 'done' ? mergeResult.parse(result) : undefined;
}

/**
 * The store's own multipart upload, if there is one. A removal needs it even when the rest of the
 * row cannot be read.
 */
export function nativeOf(upload: Upload): ChunkedDetails['native'] {
  return salvage(upload, 'native', details.shape.native) ?? null;
}

/** What the name of the store's own object is made of; undefined when the row cannot be read. */
export function nativeNameOf(
  upload: Upload,
): Pick<ChunkedDetails, 'storageId' | 'filename'> | undefined {
  const storageId = salvage(upload, 'storageId', details.shape.storageId);
  const filename = salvage(upload, 'filename', details.shape.filename);
  return storageId === undefined || filename === undefined ? undefined : { storageId, filename };
}

/** The details with the naming applied, or the same object when nothing is new. */
export function withNaming(known: ChunkedDetails, naming: NamingOptions): ChunkedDetails {
  const next = {
    ...known,
    folder: naming.folder ?? known.folder,
    nameMode: naming.nameMode ?? known.nameMode,
    fullUrl: naming.fullUrl ?? known.fullUrl,
  };
  const isSame =
    next.folder === known.folder &&
    next.nameMode === known.nameMode &&
    next.fullUrl === known.fullUrl;
  return isSame ? known : next;
}
