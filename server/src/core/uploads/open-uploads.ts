import { type Access, isShared } from '../access/access.ts';
import { networksOf } from '../access/network.ts';
import { minuteMs } from '../clock.ts';
import { fail, type StowageError } from '../errors.ts';
import type { MetadataStore, OpenUploadLimit, Upload } from '../metadata.ts';

/** The one way in which uploads of any kind begin. */
export interface OpenUploads {
  /** Fails as `begin` would by now; to ask before work that would be in vain. */
  admit(owner: string): Promise<void>;
  /**
   * Writes the row of an upload down. Fails with `rate_limit_exceeded` when its owner has too many
   * unfinished ones, of all kinds together, and with `unauthorized` when the owner may not upload
   * any more.
   */
  begin(upload: Upload, ip: string | null): Promise<void>;
}

export interface OpenUploadsOptions {
  readonly uploads: Pick<MetadataStore['uploads'], 'add' | 'countOpen'>;
  readonly access: Pick<Access, 'mayUpload'>;
  /** Of one token, or of one network of an owner that is many people. */
  readonly max: number;
}

/**
 * Who has the upload code is one owner with all others who have it: it has this many times the room
 * of a token, and no network of it more than a token. So one stranger who knows the code cannot
 * keep the household out.
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
