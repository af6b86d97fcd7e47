import type { Access } from '../../access/access.ts';
import type { ByteSource } from '../../bytes.ts';
import type { Clock } from '../../clock.ts';
import { StowageError } from '../../errors.ts';
import type { Files } from '../../library/files.ts';
import type { MetadataStore, StoredFile, Upload } from '../../metadata.ts';
import type { ChannelPool, Choice } from '../../storage/channel-pool.ts';
import type { Intake } from '../../storage/intake.ts';
import type { OpenUploads } from '../open-uploads.ts';
import type { ChunkedDetails, NamingOptions } from './chunked-details.ts';
import type { KeptChunks } from './kept-chunks.ts';

export interface ChunkedInit extends NamingOptions {
  readonly filename: string;
  readonly contentType: string;
  readonly totalChunks: number;
  readonly choice: Choice;
  readonly ip: string | null;
}

/** What every later step repeats of the first. */
export interface ChunkedStep extends NamingOptions {
  readonly uploadId: string;
  readonly filename: string;
  readonly totalChunks: number;
}

export interface ChunkPut extends ChunkedStep {
  /** 0-based. */
  readonly index: number;
  readonly source: ByteSource;
  readonly signal: AbortSignal;
}

export interface ChunkedStatus {
  readonly upload: Upload;
  readonly details: ChunkedDetails;
  /** Indexes that are stored, ascending. */
  readonly stored: readonly number[];
  /** Where the file is, once merged. */
  readonly file: StoredFile | undefined;
}

export interface Merged {
  readonly stored: StoredFile;
  readonly fullUrl: boolean;
}

export interface ChunkedUploadOptions {
  readonly metadata: MetadataStore;
  readonly pool: ChannelPool;
  readonly intake: Intake;
  readonly files: Files;
  readonly access: Pick<Access, 'mayUpload'>;
  readonly openUploads: OpenUploads;
  readonly spoolFolder: string;
  readonly kept: KeptChunks;
  readonly now: Clock;
  readonly maxChunks: number;
  readonly maxUploadBytes: number;
  /** Life of an upload after its last sign of life. */
  readonly ttlMs: number;
}

/** The reasons a step is refused, so that the API can use its own words for each. */
export class ChunkedRefusal extends StowageError {
  readonly reason:
    | 'no_session'
    | 'mismatch'
    | 'expired'
    | 'unsupported_channel'
    | 'no_channel'
    | 'bad_index'
    | 'bad_total';

  constructor(reason: ChunkedRefusal['reason'], message: string) {
    super(reason === 'expired' ? 'gone' : 'bad_request', { message });
    this.reason = reason;
  }
}

export function noSession(): ChunkedRefusal {
  return new ChunkedRefusal('no_session', 'Invalid or expired upload session');
}
