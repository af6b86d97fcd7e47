import type { Access } from '../core/access/access.ts';
import type { Sessions } from '../core/access/sessions.ts';
import type { SignIn } from '../core/access/sign-in.ts';
import type { Clock } from '../core/clock.ts';
import type { MediaCategory } from '../core/content-type/media-types.ts';
import type { ResourceFetch } from '../core/imports/fetch-resource.ts';
import type { Imports } from '../core/imports/import-from-url.ts';
import type { Files } from '../core/library/files.ts';
import type { Log } from '../core/log.ts';
import type { MetadataStore } from '../core/metadata.ts';
import type { RateLimiter } from '../core/rate-limiter.ts';
import type { RequestSample } from '../core/request-sample.ts';
import type { ChannelAdmin } from '../core/settings/channel-admin.ts';
import type { RuntimeSettings } from '../core/settings/runtime-settings.ts';
import type { ChannelPool } from '../core/storage/channel-pool.ts';
import type { BasicUploads } from '../core/uploads/basic-upload.ts';
import type { ChunkedUploads } from '../core/uploads/chunked/chunked-uploads.ts';
import type { DirectUploads } from '../core/uploads/direct/direct-uploads.ts';
import type { PresignedUploads } from '../core/uploads/presigned/presigned-upload.ts';
import type { TrustProxy } from './address/trust-proxy.ts';
import type { HotFiles } from './files/hot-files.ts';
import type { Readiness } from './operations/readiness.ts';
import type { OpenFolders } from './public/folders.ts';
import type { UrlSigner } from './signed-url.ts';

/** Dependencies of the HTTP layer, passed in by `app.ts`. */
export interface HttpDeps {
  readonly access: Access;
  readonly sessions: Sessions;
  readonly signIn: SignIn;
  readonly files: Files;
  readonly hotFiles: HotFiles;
  readonly basic: BasicUploads;
  readonly presigned: PresignedUploads;
  readonly imports: Imports;
  readonly resources: ResourceFetch;
  readonly chunked: ChunkedUploads;
  readonly direct: DirectUploads;
  readonly pool: ChannelPool;
  readonly channelAdmin: ChannelAdmin;
  readonly runtimeSettings: RuntimeSettings;
  readonly metadata: MetadataStore;
  readonly rateLimiter: RateLimiter;
  readonly signer: UrlSigner;
  readonly now: Clock;
  readonly log: Log;
  readonly settings: HttpSettings;
  readonly readiness: () => Promise<Readiness>;
  /** False once the server is shutting down. */
  readonly isReady: () => boolean;
  readonly metrics: HttpMetrics;
}

export interface HttpSettings {
  readonly publicBrowse: OpenFolders;
  readonly randomImage: OpenFolders;
  readonly publicUrl?: string | undefined;
  readonly urlPrefix?: string | undefined;
  readonly trustProxy: TrustProxy;
  readonly corsOrigins: readonly string[];
  readonly maxUploadBytes: number;
  readonly maxBytesOf: Readonly<Record<MediaCategory, number>>;
  readonly urlTtlSeconds: number;
  readonly requireSize: boolean;
  readonly showUrls: boolean;
  readonly idleTimeoutMs: number;
  /** How long an idle connection is kept. */
  readonly keepAliveMs: number;
  /** 0: unlimited. */
  readonly maxConnectionsPerAddress: number;
  /** Folder for temporary copies. */
  readonly spoolFolder: string;
  readonly metricsPublic: boolean;
  /** Whether the configuration sets the administrator's password. */
  readonly isPasswordFixed: boolean;
  readonly sessionSeconds: number;
  readonly allowAnonymousUploads: boolean;
  /** In the configuration: uploads are spread over the channels of every group. */
  readonly loadBalance: boolean;
  /** How the proxy in front is told to send a file by itself. */
  readonly sendfile: 'off' | 'x-accel-redirect' | 'x-sendfile';
}

export interface HttpMetrics {
  request(sample: RequestSample): void;
  /** All metrics in the Prometheus text format. */
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}
