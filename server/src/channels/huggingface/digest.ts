import { mkdir } from 'node:fs/promises';
import type { ByteSource } from '../../core/bytes.ts';
import type { PutOptions } from '../../core/channel.ts';
import { fail } from '../../core/errors.ts';
import { raceAbort } from '../../core/guard/race-abort.ts';
import { createDigestService } from '../../core/streams/digests.ts';
import { createSpool } from '../../core/streams/spool.ts';
import type { LfsObject } from './wire.ts';

/** Knows size and SHA-256 before the first byte goes out, as LFS demands. */
export interface Measure {
  /**
   * Runs `use` with the digest given in `options`, otherwise with a copy on disk that was hashed in
   * a worker thread.
   */
  run<T>(
    source: ByteSource,
    options: PutOptions,
    use: (source: ByteSource, object: LfsObject) => Promise<T>,
  ): Promise<T>;
  /** Reads the source to its end; hex. */
  sha256(source: ByteSource): Promise<string | undefined>;
  close(): Promise<void>;
}

export function createMeasure(folder: string): Measure {
  const digests = createDigestService();
  return {
    async run(source, { size, sha256, signal }, use) {
      if (size !== undefined && sha256 !== undefined) {
        return use(source, { oid: sha256.toLowerCase(), size });
      }
      await mkdir(folder, { recursive: true });
      const tapped = digests.tap(source, ['sha256']);
      const spool = createSpool(tapped.source, folder);
      try {
        const arrived = await raceAbort(spool.ended, signal);
        if (size !== undefined && arrived !== size) {
          throw fail(arrived < size ? 'incomplete_body' : 'size_mismatch');
        }
        const { sha256: oid } = await tapped.digests;
        if (oid === undefined) {
          throw fail('internal_error');
        }
        return await use(spool.follow(), { oid, size: arrived });
      } finally {
        // Not awaited: it waits for the source, which may have stalled.
        void spool.dispose();
      }
    },
    async sha256(source) {
      const tapped = digests.tap(source, ['sha256']);
      for await (const _ of tapped.source) {
        // hashed on its way
      }
      return (await tapped.digests).sha256;
    },
    close: () => digests.close(),
  };
}
