import { z } from 'zod';
import type { Json } from './bytes.ts';
import type { IntakeResult } from './intake.ts';
import type { NewJob, Segment, Upload } from './metadata.ts';
import { uuidv7 } from './uuid.ts';

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
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  sourceUrl: z.string().nullable(),
});

/** What an upload of kind `presigned` or `import` remembers. */
export type PresignedDetails = Readonly<z.infer<typeof details>>;
export type Received = Readonly<z.infer<typeof received>>;

export function presignedDetails(upload: Upload): PresignedDetails {
  return details.parse(upload.details);
}

export function asReceived(result: IntakeResult): Received {
  const { storageId, channel, segments, size, hash, sha256, sniffed } = result;
  return { storageId, channelId: channel.id, segments: [...segments], size, hash, sha256, contentType: sniffed.contentType };
}

/** The job that removes what lies at an upload address of the store. */
export function abortPresign(upload: Upload, details: PresignedDetails, runAt: number): readonly NewJob[] {
  if (details.presign === null) return [];
  return [{ id: uuidv7(), kind: 'abort_presign', payload: { channelId: upload.channelId, state: details.presign.state }, runAt }];
}
