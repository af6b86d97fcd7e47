import type { Access, Caller } from '../access/access.ts';
import type { Clock } from '../clock.ts';
import type { Files } from '../library/files.ts';
import type { Log } from '../log.ts';
import type { MetadataStore } from '../metadata.ts';
import type { Prober } from '../prober.ts';
import type { ChannelPool } from '../storage/channel-pool.ts';
import type { Intake } from '../storage/intake.ts';
import type { OpenUploads } from '../uploads/open-uploads.ts';
import type { Media } from '../uploads/presigned/presigned-types.ts';
import type { PresignedUploads } from '../uploads/presigned/presigned-upload.ts';
import type { SafeFetch } from './safe-fetch/safe-fetch.ts';

export interface ImportRequest {
  readonly url: string;
  /** Absent takes the last segment of the URL's path. */
  readonly filename: string | undefined;
  readonly ip: string | null;
  readonly signal: AbortSignal;
}

export type ReadyMedia = Extract<Media, { readonly state: 'ready' }>;
export type PendingMedia = Exclude<Media, ReadyMedia>;

export interface ImportOptions {
  readonly metadata: Pick<MetadataStore, 'uploads' | 'jobs'>;
  readonly pool: Pick<ChannelPool, 'forCategory' | 'byId'>;
  readonly intake: Intake;
  readonly files: Pick<Files, 'add'>;
  readonly presigned: Pick<PresignedUploads, 'complete'>;
  readonly access: Pick<Access, 'mayUpload'>;
  readonly prober: Prober;
  readonly fetch: SafeFetch;
  readonly maxImageBytes: number;
  readonly maxVideoBytes: number;
  readonly openUploads: OpenUploads;
  /** Media types that may become media. */
  readonly supportedTypes: readonly string[];
  readonly now: Clock;
  readonly log: Log;
  /**
   * How long a video import of a dead process lies idle before another process takes it up. Default
   * 15 s.
   */
  readonly leaseMs?: number;
  /** Wait before the second try of a video; doubles. Default 2 s. */
  readonly retryMs?: number;
}

export type ImportCaller = Pick<Caller, 'owner'>;
