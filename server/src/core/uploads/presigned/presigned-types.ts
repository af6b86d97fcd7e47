import type { Access } from '../../access/access.ts';
import type { ByteSource } from '../../bytes.ts';
import type { PresignedUpload } from '../../channel.ts';
import type { Clock } from '../../clock.ts';
import type { Files } from '../../library/files.ts';
import type { Log } from '../../log.ts';
import type { MetadataStore, StoredFile, Upload } from '../../metadata.ts';
import type { Prober } from '../../prober.ts';
import type { ChannelPool, ConfiguredChannel } from '../../storage/channel-pool.ts';
import type { Intake } from '../../storage/intake.ts';
import type { DigestService, Digests } from '../../streams/digests.ts';
import type { OpenUploads } from '../open-uploads.ts';
import type { PresignedDetails } from './presigned-details.ts';

export interface PresignRequest {
  readonly filename: string;
  readonly contentType: string;
  readonly category: 'image' | 'video' | 'document';
  readonly size: number | null;
  readonly maxBytes: number;
  readonly sha256: string | null;
  readonly width: number | null;
  readonly height: number | null;
  readonly durationSeconds: number | null;
  readonly ip: string | null;
  /** The client takes an address of the store's own, whatever it wants sent there. */
  readonly direct: boolean;
}

export interface StartedUpload {
  readonly upload: Upload;
  readonly details: PresignedDetails;
  readonly channel: ConfiguredChannel;
  /** How to upload straight to the store; undefined when the bytes go through the relay. */
  readonly target: PresignedUpload | undefined;
}

export interface ReceiveRequest {
  readonly id: string;
  readonly source: ByteSource;
  readonly contentType: string | undefined;
  readonly size: number | undefined;
  readonly expected: Digests;
  /** Fails when such bytes have come already, by their hash; `*` means any. */
  readonly unless?: '*' | readonly string[];
  /** When the transfer began: one that began in time may finish. */
  readonly startedAt: number;
  readonly signal: AbortSignal;
}

/** A media item in whatever state it is. */
export type Media =
  | { readonly state: 'ready'; readonly stored: StoredFile; readonly warnings: readonly string[] }
  | {
      readonly state: 'uploading' | 'failed';
      readonly upload: Upload;
      readonly details: PresignedDetails;
    };

export interface PresignedUploadOptions {
  readonly metadata: MetadataStore;
  readonly pool: ChannelPool;
  readonly intake: Intake;
  readonly files: Files;
  readonly access: Pick<Access, 'mayUpload'>;
  readonly prober: Prober;
  readonly digests: DigestService;
  readonly now: Clock;
  readonly log: Log;
  readonly urlTtlSeconds: number;
  readonly strictSize: boolean;
  readonly openUploads: OpenUploads;
  /** Media types that may become media. */
  readonly supportedTypes: readonly string[];
}
