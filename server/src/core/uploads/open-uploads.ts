import { type Access, isShared } from '../access/access.ts';
import { networksOf } from '../access/network.ts';
import { minuteMs } from '../clock.ts';
import { fail, type StowageError } from '../errors.ts';
import type { MetadataStore, OpenUploadLimit, Upload } from '../metadata.ts';

/** The one way in which uploads of every kind begin. */
export interface OpenUploads {
  /** Fails as `begin` would now. Call it before work that a refusal would waste. */
  admit(owner: string): Promise<void>;
  /**
   * Writes the row of an upload. Fails with `rate_limit_exceeded` when its owner has too many
   * unfinished ones, of all kinds together, and with `unauthorized` when the owner may no longer
   * upload.
   */
  begin(upload: Upload, ip: string | null): Promise<void>;
}

export interface OpenUploadsOptions {
  readonly uploads: Pick<MetadataStore['uploads'], 'add' | 'countOpen'>;
  readonly access: Pick<Access, 'mayUpload'>;
  /** Per token, and per network of an owner that is many people. */
  readonly max: number;
}

/**
 * All callers with the upload code are one owner. It may have this many times the uploads of a
 * token, and each network of it as many as a token. So one stranger who knows the code cannot lock
 * the others out.
 */
const sharedTimes = 10;

export function createOpenUploads({ uploads, access, max }: OpenUploadsOptions): OpenUploads {
  const maxOf = (owner: string): number => (isShared(owner) ? max * sharedTimes : max);
  const limitOf = ({ owner }: Upload, ip: string | null): OpenUploadLimit => {
    if (!isShared(owner)) {
      return { max: maxOf(owner) };
    }
    const { near, wide } = networksOf(ip ?? '');
    return { max: maxOf(owner), network: { name: wide ?? near, max } };
  };
  const tooMany = (): StowageError =>
    fail('rate_limit_exceeded', {
      message: `More than ${max} unfinished uploads. Complete or cancel some, or wait until they expire.`,
      retryAfterMs: minuteMs,
    });

  return {
    async admit(owner) {
      if ((await uploads.countOpen(owner)) >= maxOf(owner)) {
        throw tooMany();
      }
    },
    async begin(upload, ip) {
      if (!(await access.mayUpload(upload.owner))) {
        throw fail('unauthorized');
      }
      if (!(await uploads.add(upload, limitOf(upload, ip)))) {
        throw tooMany();
      }
    },
  };
}
