import type { ByteSource, ReplayableBody } from '../../core/bytes.ts';
import type { PutOptions, PutResult } from '../../core/channel.ts';
import { fail } from '../../core/errors.ts';
import { withRetry } from '../../core/guard/retry.ts';
import { untilAborted } from './body.ts';
import type { BufferPool, Lease } from './buffer-pool.ts';
import type { Bucket } from './client/client.ts';
import {
  abortUpload,
  finishUpload,
  type ListedPart,
  multipartLimits,
  sendHeldPart,
  startUpload,
} from './multipart.ts';
import { cleanUp, discardObject } from './objects.ts';
import { putBuffer } from './put-object.ts';
import type { UploadState } from './ref.ts';

export interface PartsOptions extends PutOptions {
  readonly pool: BufferPool;
  /** Buffers of this upload, at most. */
  readonly buffers: number;
}

/**
 * Stores a source of any or unknown length through the service's multipart upload: buffers are
 * filled one after the other and sent in parallel, a failed part again from its buffer. What fits
 * into the first buffer becomes a single PUT.
 */
export async function putParts(
  bucket: Bucket,
  body: ReplayableBody,
  options: PartsOptions,
): Promise<PutResult> {
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const lease = options.pool.lease(options.buffers);
  const upload = createUpload(bucket, {
    options,
    lease,
    signal,
    onFailure: (error) => failed.abort(error),
  });
  const filling = { buffer: await lease.take(), bytes: 0 };
  try {
    await fill(untilAborted(body.open(), signal), filling, async () => {
      await upload.add(filling.buffer, filling.bytes);
      filling.buffer = await lease.take();
    });
    checkSize(upload.sizeBytes + filling.bytes, body.size);
    if (upload.sizeBytes === 0) {
      return await putBuffer(bucket, filling.buffer.subarray(0, filling.bytes), {
        ...options,
        signal,
      });
    }
    return await upload.finish(filling.buffer.subarray(0, filling.bytes));
  } catch (error) {
    failed.abort(error);
    await upload.discard();
    throw error;
  } finally {
    lease.give(filling.buffer);
  }
}

/** Copies chunks into the buffer; calls `full` when there is more and no room. */
async function fill(
  source: ByteSource,
  filling: { buffer: Buffer; bytes: number },
  full: () => Promise<void>,
): Promise<void> {
  for await (const chunk of source) {
    for (let offset = 0; offset < chunk.length; ) {
      if (filling.bytes === filling.buffer.length) {
        await full();
        filling.bytes = 0;
      }
      const piece = chunk.subarray(offset, offset + filling.buffer.length - filling.bytes);
      filling.buffer.set(piece, filling.bytes);
      filling.bytes += piece.length;
      offset += piece.length;
    }
  }
}

function checkSize(sizeBytes: number, announced: number | undefined): void {
  if (announced === undefined || sizeBytes === announced) {
    return;
  }
  throw sizeBytes < announced ? fail('incomplete_body') : fail('size_mismatch');
}

interface UploadContext {
  readonly options: PartsOptions;
  readonly lease: Lease;
  readonly signal: AbortSignal;
  readonly onFailure: (error: unknown) => void;
}

interface Upload {
  readonly sizeBytes: number;
  /** Sends a full buffer in the background and gives it back to the lease afterwards. */
  add(buffer: Buffer, bytes: number): Promise<void>;
  /** Sends the rest and makes the object. */
  finish(rest: Uint8Array): Promise<PutResult>;
  /** Waits for what is under way, then removes what was stored. Never rejects. */
  discard(): Promise<void>;
}

function createUpload(
  bucket: Bucket,
  { options, lease, signal, onFailure }: UploadContext,
): Upload {
  const parts: ListedPart[] = [];
  const underWay: Promise<void>[] = [];
  let state: UploadState | undefined;
  let sizeBytes = 0;
  let finishing = false;

  const send = async (bytes: Uint8Array, done: () => void): Promise<void> => {
    const number = underWay.length + 1;
    if (number > multipartLimits.maxParts) {
      throw tooLarge(options.pool.sizeBytes);
    }
    state ??= await withRetry(() => startUpload(bucket, { ...options, signal }), signal);
    sizeBytes += bytes.length;
    const part = { state, number, bytes, signal, onProgress: options.onProgress };
    underWay.push(
      withRetry(() => sendHeldPart(bucket, part), signal)
        .then((sent) => void parts.push({ ...sent, number, size: bytes.length }), onFailure)
        .finally(done),
    );
  };

  return {
    get sizeBytes() {
      return sizeBytes;
    },
    add: (buffer, bytes) => send(buffer.subarray(0, bytes), () => lease.give(buffer)),
    async finish(rest) {
      await send(rest, () => {});
      await Promise.all(underWay);
      signal.throwIfAborted();
      finishing = true;
      const upload = state as UploadState;
      return withRetry(() => finishUpload(bucket, upload, parts, { signal }), signal);
    },
    async discard() {
      await Promise.all(underWay);
      const upload = state;
      if (upload === undefined) {
        return;
      }
      await cleanUp((cleaning) => abortUpload(bucket, upload, { signal: cleaning }));
      if (finishing) {
        await discardObject(bucket, upload);
      }
    },
  };
}

function tooLarge(partSizeBytes: number): unknown {
  const maxBytes = partSizeBytes * multipartLimits.maxParts;
  return fail('too_large', {
    message: `Without a known size a file may have ${maxBytes} bytes here; a larger partSizeBytes allows more.`,
    details: { maxBytes },
  });
}
