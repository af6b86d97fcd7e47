import { randomBytes } from 'node:crypto';
import type { Channel, Ref } from '../channel.ts';
import { isStowageError } from '../errors.ts';
import { bytesBody } from '../streams/body.ts';
import { readAll } from '../streams/peek.ts';

export interface TestStep {
  readonly step: 'check' | 'put' | 'get' | 'range' | 'delete' | 'gone';
  readonly ok: boolean;
  readonly durationMs: number;
  /** What went wrong, in the remote's own words. */
  readonly error?: string;
  /** What works but should be changed in the settings. */
  readonly notice?: string | undefined;
}

/**
 * A real round trip with a small object: what `doctor` and the channel test show. Stops at the
 * first failure, but always deletes what it stored.
 */
export async function testChannelSteps(
  channel: Channel,
  signal: AbortSignal,
): Promise<readonly TestStep[]> {
  const bytes = testPicture();
  const steps: TestStep[] = [];
  const run = async <T>(step: TestStep['step'], work: () => Promise<T>): Promise<T | undefined> => {
    const startedAt = performance.now();
    const passed = (): number => Math.round(performance.now() - startedAt);
    try {
      const result = await work();
      const notice = step === 'check' ? channel.notice?.() : undefined;
      steps.push({ step, ok: true, durationMs: passed(), notice });
      return result;
    } catch (error) {
      steps.push({
        step,
        ok: false,
        durationMs: passed(),
        error: error instanceof Error ? error.message : String(error),
      });
      return undefined;
    }
  };
  const read = async (ref: Ref, range?: { start: number; end: number }): Promise<void> => {
    const { stream } = await channel.get(ref, { signal, range });
    const expected = range ? bytes.subarray(range.start, range.end + 1) : bytes;
    if (!(await readAll(stream)).equals(expected)) {
      throw new Error('Other bytes came back than were stored.');
    }
  };
  const gone = async (ref: Ref): Promise<void> => {
    try {
      await channel.get(ref, { signal });
    } catch (error) {
      if (isStowageError(error, 'not_found')) {
        return;
      }
      throw error;
    }
    throw new Error('The object is still there after it was deleted.');
  };

  await run('check', () => channel.check({ signal }));
  if (!steps[0]?.ok) {
    return steps;
  }
  const key = `stowage-test/${Date.now()}-${randomBytes(6).toString('hex')}.png`;
  const put = await run('put', () =>
    channel.put(bytesBody(bytes), {
      key,
      contentType: 'image/png',
      filename: 'stowage-test.png',
      signal,
    }),
  );
  if (put === undefined) {
    return steps;
  }
  await run('get', () => read(put.ref));
  await run('range', () => read(put.ref, { start: 10, end: 19 }));
  await run('delete', () => channel.delete(put.ref, { signal }));
  if (steps.at(-1)?.ok) {
    await run('gone', () => gone(put.ref));
  }
  return steps;
}

/** A PNG of one pixel, for channels that take pictures only. */
function testPicture(): Buffer {
  return Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  );
}
