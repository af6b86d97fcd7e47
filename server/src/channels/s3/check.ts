import { randomUUID } from 'node:crypto';
import type { CallOptions } from '../../core/channel.ts';
import { fail, isStowageError } from '../../core/errors.ts';
import type { Bucket } from './client/client.ts';
import { deleteObject, getObject } from './objects.ts';
import { putBuffer } from './put-object.ts';

const probe = Buffer.from('stowage probe');

/** Writes, reads back (a range) and removes a small object: what the bucket must allow. */
export async function checkBucket(bucket: Bucket, { signal }: CallOptions): Promise<void> {
  const name = `.stowage-check-${randomUUID()}`;
  const key = bucket.keyOf(name);
  await explained('cannot write', () =>
    putBuffer(bucket, probe, { key: name, contentType: 'text/plain', signal }),
  );
  try {
    await explained('can write but not read', () => readProbe(bucket, key, signal));
  } finally {
    await explained(`can write but not delete (${key} remains)`, () =>
      deleteObject(bucket, key, signal),
    );
  }
}

async function readProbe(bucket: Bucket, key: string, signal: AbortSignal): Promise<void> {
  const { stream } = await getObject(bucket, key, { range: { start: 8, end: 12 }, signal });
  const bytes = await Array.fromAsync(stream);
  if (Buffer.concat(bytes).toString() === 'probe') {
    return;
  }
  throw fail('channel_refused', {
    message: `S3 bucket ${bucket.name}: the service answers a range with other bytes.`,
  });
}

async function explained(what: string, call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (!isStowageError(error, 'channel_unauthorized')) {
      throw error;
    }
    throw fail('channel_unauthorized', {
      message: `The credentials ${what}: ${error.message}`,
      cause: error,
    });
  }
}
