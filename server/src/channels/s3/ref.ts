import { z } from 'zod';
import type { Json } from '../../core/bytes.ts';
import { fail } from '../../core/errors.ts';

const refSchema = z.object({ key: z.string().min(1) });

const uploadSchema = z.object({
  key: z.string().min(1),
  uploadId: z.string().min(1),
  attempt: z.string(),
});

/**
 * State of a native multipart upload: `attempt` is also a metadata entry of the object that comes
 * of it.
 */
export type UploadState = z.infer<typeof uploadSchema>;

/** The full key in the bucket. Throws `not_found` for a ref that is none of ours. */
export function keyOfRef(ref: Json): string {
  const parsed = refSchema.safeParse(ref);
  if (!parsed.success) {
    throw fail('not_found', { message: 'The ref is not one of an S3 channel.' });
  }
  return parsed.data.key;
}

export function uploadOfState(state: Json): UploadState {
  const parsed = uploadSchema.safeParse(state);
  if (!parsed.success) {
    throw fail('not_found', { message: 'The state is not one of an S3 multipart upload.' });
  }
  return parsed.data;
}
