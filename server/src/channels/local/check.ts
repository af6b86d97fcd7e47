import { randomBytes } from 'node:crypto';
import { readFile, unlink, writeFile } from 'node:fs';
import { fail, isStowageError } from '../../core/errors.ts';
import { io } from './io.ts';
import type { Marks } from './marks.ts';
import type { Space } from './space.ts';

export interface CheckContext {
  readonly marks: Marks;
  readonly space: Space;
  readonly signal: AbortSignal;
}

/** Writes, fsyncs, reads and deletes a probe. */
export async function checkDisk({ marks, space, signal }: CheckContext): Promise<void> {
  const bytes = randomBytes(64);
  const name = `check-${bytes.toString('hex', 0, 8)}`;
  try {
    const path = marks.begin(name);
    signal.throwIfAborted();
    (await space.claim()).release();
    await io((done) => writeFile(path, bytes, { flag: 'wx', mode: 0o600, flush: true }, done));
    const read = await io<Buffer>((done) => readFile(path, done)).finally(() =>
      io((done) => unlink(path, done)),
    );
    if (!bytes.equals(read)) {
      throw fail('channel_unavailable', {
        message: 'The disk gave back other bytes than were written.',
      });
    }
  } catch (error) {
    throw inOwnWords(error);
  } finally {
    marks.landed(name);
  }
}

/** A check is for the owner, who needs the error of the system. */
function inOwnWords(error: unknown): unknown {
  if (isStowageError(error) && error.cause instanceof Error) {
    return fail(error.code, { message: error.cause.message, cause: error.cause });
  }
  return error;
}
