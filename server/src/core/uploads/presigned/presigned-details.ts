import { z } from 'zod';
import { type Json, toJson } from '../../bytes.ts';
import { errorCodes, fail, type StowageError } from '../../errors.ts';
import type { NewJob, Segment, Upload } from '../../metadata.ts';
import { abortPresignJob } from '../../storage/cleanup-jobs.ts';
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
  category: z.enum(['image', 'video', 'document']),
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
export type Received = Readonly<z.infer<typeof received>>;

/**
 * Fails with `media_failed` when the row is not as this version writes it: all that can be done
 * then is to delete it.
 */
export function presignedDetails(upload: Upload): PresignedDetails {
  const known = readableDetails(upload);
  if (known === undefined) {
    throw fail('media_failed', { message: unreadable.message });
  }
  return known;
}

export function readableDetails(upload: Upload): PresignedDetails | undefined {
  return details.safeParse(upload.details).data;
}

const unreadable = {
  code: 'internal_error',
  message: 'The server cannot read its record of this upload. Delete it and upload the file again.',
} as const;

const nothingKnown: PresignedDetails = {
  ...{
    filename: 'unknown',
    contentType: 'application/octet-stream',
    category: 'document',
    declaredSize: null,
    maxBytes: 0,
  },
  ...{ sha256: null, width: null, height: null, durationSeconds: null, ip: null, urlExpiresAt: 0 },
  ...{ presign: null, received: null, error: null, refused: null, sourceUrl: null },
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
  return {
    code,
    message,
    status,
    ...(details && { details: toJson(details) as Record<string, Json> }),
  };
}

/** The failure that a row keeps, as it was thrown. */
export function refusalIn({ error }: PresignedDetails): StowageError {
  const code = errorCodes.find((known) => known === error?.code) ?? 'media_failed';
  const { message, status, details: more } = error ?? {};
  return fail(code, {
    ...(message && { message }),
    ...(status && { status }),
    ...(more && { details: more }),
  });
}

/**
 * The jobs that remove what lies at the store's own upload address: one, or none when the bytes
 * come through the relay.
 */
export function abortPresign(
  { channelId }: Upload,
  { presign }: PresignedDetails,
  runAt: number,
): readonly NewJob[] {
  return presign === null ? [] : [abortPresignJob(channelId, presign.state, runAt)];
}
