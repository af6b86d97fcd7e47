import { extensionFor, typeOfName } from '../../content-type/media-types.ts';
import { fail, type StowageError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { NewFile, StoredFile, Upload } from '../../metadata.ts';
import { type PresignedRow, readableRow } from './presigned-details.ts';

export interface ReadyMedia {
  readonly state: 'ready';
  readonly stored: StoredFile;
  readonly warnings: readonly string[];
}

export interface PendingMedia extends PresignedRow {
  readonly state: 'uploading' | 'failed';
}

/** A media item in any state. */
export type Media = ReadyMedia | PendingMedia;

/** The kinds of uploads that become media. */
export const mediaKinds = ['presigned', 'import'] as const satisfies readonly Upload['kind'][];

export function isMediaUpload({ kind }: Upload): boolean {
  return mediaKinds.some((known) => known === kind);
}

/** Undefined for an upload that is no media, or is no longer pending. */
export function pendingMedia(upload: Upload, log: Log): PendingMedia | undefined {
  if (!isMediaUpload(upload) || upload.state === 'done' || upload.state === 'aborted') {
    return undefined;
  }
  const { details, isWhole } = readableRow(upload);
  if (!isWhole) {
    log.warn(
      { upload: upload.id },
      'Could not read the record of an upload; it shows as failed until it is deleted or expires',
    );
  }
  const isFailed = upload.state === 'failed' || !isWhole;
  return { state: isFailed ? 'failed' : 'uploading', upload, details };
}

/**
 * Where a media file is found. The path is unique by the id, so that it never collides with names
 * that callers choose. Its extension is one of the type that the bytes have.
 */
export function mediaPath(id: string, filename: string, contentType: string): NewFile['path'] {
  const extension = extensionFor(typeOfName(filename) === contentType ? filename : '', contentType);
  return (attempt) => (attempt === 0 ? `media/${id}.${extension}` : undefined);
}

export function mediaNotFound(): StowageError {
  return fail('not_found', { message: 'Media not found.' });
}

/** For a picture that is a file of another type as well. */
export function holdsAnotherType(contentType: string, second: string): StowageError {
  return fail('content_type_mismatch', {
    message: `The file is ${contentType}, but holds ${second} as well.`,
    details: { declared: contentType, detected: second },
  });
}
