import { dayMs } from '../clock.ts';
import { newUpload } from '../uploads/new-upload.ts';
import {
  nothingReceived,
  type PresignedDetails,
  type PresignedRow,
  presignedDetails,
} from '../uploads/presigned/presigned-details.ts';
import { uuidv7 } from '../uuid.ts';
import { finalName, type ImportRequest } from './import-request.ts';

export interface VideoImportFacts {
  readonly owner: string;
  readonly channelId: string;
  readonly maxBytes: number;
  readonly at: number;
}

const contentType = 'video/mp4';

/** The row of a video that is going to be fetched. */
export function newVideoImport(
  request: ImportRequest,
  { owner, channelId, maxBytes, at }: VideoImportFacts,
): PresignedRow {
  const details: PresignedDetails = {
    ...nothingReceived,
    filename: finalName(request, contentType),
    contentType,
    category: 'video',
    declaredSize: null,
    maxBytes,
    sha256: null,
    width: null,
    height: null,
    durationSeconds: null,
    ip: request.ip,
    urlExpiresAt: at,
    presign: null,
    sourceUrl: request.url,
  };
  const upload = newUpload({
    id: uuidv7(at),
    kind: 'import',
    owner,
    channelId,
    details,
    read: presignedDetails,
    category: details.category,
    createdAt: at,
    expiresAt: at + dayMs,
  });
  return { upload, details };
}
