import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { createRedact } from '../shared/redact.ts';
import { toChannelError } from './errors.ts';
import { isAmazon, type S3Settings } from './settings.ts';
import { createSignUrl, type SignUrl } from './sign-url.ts';

const connectTimeoutMs = 10_000;
/** Silence on a socket, both ways. Above the idle time-outs of core, which know why it is silent. */
const socketTimeoutMs = 300_000;
/** Services close idle sockets after 20 s or later; ours are gone before, so that no request meets a closed one. */
const freeSocketTimeoutMs = 15_000;
const maxSockets = 512;

interface CallSettings {
  readonly abortSignal: AbortSignal;
}

/** One bucket with its client and the settings that every module here needs. */
export interface Bucket {
  readonly name: string;
  readonly settings: S3Settings;
  /** Whether the service keeps checksums: they are sent along and part of what a client must send. */
  readonly keepsChecksums: boolean;
  readonly client: S3Client;
  readonly signUrl: SignUrl;
  keyOf(key: string): string;
  /** Runs one SDK call; its errors become the channel family, an abort rejects with the signal's reason. */
  run<T>(signal: AbortSignal, call: (options: CallSettings) => Promise<T>): Promise<T>;
  close(): void;
}

export function openBucket(settings: S3Settings): Bucket {
  const checksums = settings.checksums ?? (isAmazon(settings.endpoint) ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED');
  const client = new S3Client(clientConfig(settings, checksums));
  const redact = createRedact([settings.secretAccessKey, settings.sessionToken, settings.accessKeyId]);
  return {
    name: settings.bucket,
    settings,
    keepsChecksums: checksums === 'WHEN_SUPPORTED',
    client,
    signUrl: createSignUrl(client, settings.bucket),
    keyOf: (key) => `${settings.prefix}${key}`,
    async run(signal, call) {
      signal.throwIfAborted();
      try {
        return await call({ abortSignal: signal });
      } catch (error) {
        signal.throwIfAborted();
        throw toChannelError(error, { bucket: settings.bucket, redact });
      }
    },
    close: () => client.destroy(),
  };
}

const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

function clientConfig(settings: S3Settings, checksums: 'WHEN_REQUIRED' | 'WHEN_SUPPORTED'): S3ClientConfig {
  const { accessKeyId, secretAccessKey, sessionToken } = settings;
  const agent = { keepAlive: true, maxSockets, timeout: freeSocketTimeoutMs };
  return {
    ...(settings.endpoint !== undefined && { endpoint: settings.endpoint }),
    region: settings.region,
    forcePathStyle: settings.pathStyle ?? settings.endpoint !== undefined,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
    requestChecksumCalculation: checksums,
    responseChecksumValidation: 'WHEN_REQUIRED',
    // A stream cannot be sent twice by the SDK; core repeats whole calls, `put-parts.ts` repeats parts that it holds.
    maxAttempts: 1,
    // With the header the SDK opens a new connection for each upload.
    expectContinueHeader: false,
    customUserAgent: settings.userAgent,
    logger: silent,
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      socketTimeout: socketTimeoutMs,
      httpAgent: agent,
      httpsAgent: agent,
    },
  };
}
