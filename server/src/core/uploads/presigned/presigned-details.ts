import { z } from 'zod';
import { type Json, toJson } from '../../bytes.ts';
import { mediaCategories } from '../../content-type/media-types.ts';
import { errorCodes, fail, type StowageError } from '../../errors.ts';
import type { NewJob, Segment, Upload } from '../../metadata.ts';
import { abortPresignJob, deleteObjectJob } from '../../storage/cleanup-jobs.ts';
import type { IntakeResult } from '../../storage/intake.ts';
import { salvage } from '../salvage.ts';

const json = z.custom<Json>(() => true);

const segment: z.ZodType<Segment> = z.object({ ref: json, size: z.number(), hash: z.string() });

const received = z.object({
  storageId: z.string(),
  channelId: z.string(),
  segments: z.array(segment),
  size: z.number(),
  hash: z.string(),
  sha256: z.string().nullable(),
  contentType: z.string(),
});

const refusal = z.object({
  code: z.string(),
  message: z.string(),
  status: z.number().optional(),
  details: z.record(z.string(), json).optional(),
});

const details = z.object({
  filename: z.string(),
  contentType: z.string(),
  category: z.enum(mediaCategories),
  declaredSize: z.number().nullable(),
  maxBytes: z.number(),
  sha256: z.string().nullable(),
  width: z.number().nullable(),
  height: z.number().nullable(),
  durationSeconds: z.number().nullable(),
  ip: z.string().nullable(),
  urlExpiresAt: z.number(),
  /** State of the store's own presigned upload; null when the bytes come through the relay. */
  presign: z.object({ key: z.string(), state: json }).nullable(),
  received: received.nullable(),
  error: refusal.nullable(),
  /**
   * Version of what lay at the store's own address when it was refused; what lies there now is
   * looked at only if it is another.
   */
  refused: z.string().nullable().default(null),
  sourceUrl: z.string().nullable(),
});

/** What an upload of kind `presigned` or `import` remembers. */
export type PresignedDetails = Readonly<z.infer<typeof details>>;
/** Bytes that arrived: where they are stored, and what is known of them. */
export type Received = Readonly<z.infer<typeof received>>;

/** An upload with its details as they were read from its row. */
export interface PresignedRow {
  readonly upload: Upload;
  readonly details: PresignedDetails;
}

/**
 * Fails with `media_failed` when the row is not as this version writes it: all that can be done
 * then is to delete it.
 */
export function presignedDetails(upload: Upload): PresignedDetails {
  const known = details.safeParse(upload.details).data;
  if (known === undefined) {
    throw fail('media_failed', { message: unreadable.message });
  }
  return known;
}

/** As far as the row can be read; `isWhole` is false when `presignedDetails` refuses it. */
export function readableRow(upload: Upload): PresignedRow & { readonly isWhole: boolean } {
  const known = details.safeParse(upload.details).data;
  return { upload, details: known ?? salvagedDetails(upload), isWhole: known !== undefined };
}

const unreadable = {
  code: 'internal_error',
  message: 'The server cannot read its record of this upload. Delete it and upload the file again.',
} as const;

/** Of a file that has been named, but not sent. */
export const nothingReceived = {
  received: null,
  error: null,
  refused: null,
} as const satisfies Partial<PresignedDetails>;

const nothingKnown: PresignedDetails = {
  filename: 'unknown',
  contentType: 'application/octet-stream',
  category: 'document',
  declaredSize: null,
  maxBytes: 0,
  sha256: null,
  width: null,
  height: null,
  durationSeconds: null,
  ip: null,
  urlExpiresAt: 0,
  presign: null,
  sourceUrl: null,
  ...nothingReceived,
};

/**
 * What can be read of a row that `presignedDetails` refuses: enough to show it, and to remove what
 * was stored for it.
 */
export function salvagedDetails(upload: Upload): PresignedDetails {
  const members = Object.entries<z.ZodType>(details.shape).map(
    ([name, schema]) => [name, salvage(upload, name, schema)] as const,
  );
  const found = Object.fromEntries(members.filter(([, value]) => value !== undefined));
  return { ...nothingKnown, ...found, error: unreadable };
}

export function asReceived(result: IntakeResult): Received {
  const { storageId, channel, segments, size, hash, sha256, sniffed } = result;
  return {
    storageId,
    channelId: channel.id,
    segments: [...segments],
    size,
    hash,
    sha256,
    contentType: sniffed.contentType,
  };
}

/** A failure as the row keeps it. */
export function asRefusal({
  code,
  message,
  status,
  details,
}: StowageError): NonNullable<PresignedDetails['error']> {
  return { code, message, status, details: details && (toJson(details) as Record<string, Json>) };
}

/** The failure that a row keeps, as it was thrown. */
export function refusalIn({ error }: PresignedDetails): StowageError {
  const code = errorCodes.find((known) => known === error?.code) ?? 'media_failed';
  return fail(code, {
    message: error?.message || undefined,
    status: error?.status || undefined,
    details: error?.details,
  });
}

/** The jobs that delete received bytes; none when nothing was received. */
export function deleteReceived(received: Received | null, runAt: number): readonly NewJob[] {
  return received === null
    ? []
    : received.segments.map((segment) => deleteObjectJob(received.channelId, segment, runAt));
}

/**
 * The jobs that remove what lies at the store's own upload address: one, or none when the bytes
 * come through the relay.
 */
export function abortPresign(
  { upload: { channelId }, details: { presign } }: PresignedRow,
  runAt: number,
): readonly NewJob[] {
  return presign === null ? [] : [abortPresignJob(channelId, presign.state, runAt)];
}
