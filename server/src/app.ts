import { hkdfSync } from 'node:crypto';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import packageJson from '../package.json' with { type: 'json' };
import { channelGroups } from './channels/index.ts';
import { collectedFrom } from './collected-metrics.ts';
import type { Config } from './config.ts';
import { createAccess } from './core/access/access.ts';
import { createAuthThrottle } from './core/access/auth-throttle.ts';
import { createSessions, type Sessions } from './core/access/sessions.ts';
import { createSignIn } from './core/access/sign-in.ts';
import { type Clock, dayMs, hourMs } from './core/clock.ts';
import { wait } from './core/guard/wait.ts';
import { createResourceFetch } from './core/imports/fetch-resource.ts';
import { Imports } from './core/imports/import-from-url.ts';
import { createSafeFetch } from './core/imports/safe-fetch/safe-fetch.ts';
import { heldByBackup } from './core/jobs/backup-hold.ts';
import { createJobRunner } from './core/jobs/job-runner.ts';
import { createFiles } from './core/library/files.ts';
import { createMaintenance } from './core/library/maintenance.ts';
import { createSharedClock } from './core/library/shared-clock.ts';
import type { MetadataStore, Upload } from './core/metadata.ts';
import { createScrubber } from './core/scrub/scrubber.ts';
import { poll } from './core/settings/poll.ts';
import type { ChannelPool } from './core/storage/channel-pool.ts';
import { storageJobs } from './core/storage/cleanup-jobs.ts';
import { createIntake } from './core/storage/intake.ts';
import { createDigestService } from './core/streams/digests.ts';
import { BasicUploads } from './core/uploads/basic-upload.ts';
import { ChunkedUploads } from './core/uploads/chunked/chunked-uploads.ts';
import { KeptChunks } from './core/uploads/chunked/kept-chunks.ts';
import { DirectUploads } from './core/uploads/direct/direct-uploads.ts';
import { createOpenUploads } from './core/uploads/open-uploads.ts';
import { PresignedUploads, uploadGraceMs } from './core/uploads/presigned/presigned-upload.ts';
import { prepareDataFolder } from './data-folder.ts';
import type { HttpSettings } from './http/deps.ts';
import { HotFiles } from './http/files/hot-files.ts';
import { supportedTypes } from './http/media/media-types.ts';
import { createReadiness } from './http/operations/readiness.ts';
import { createHttpServer } from './http/server.ts';
import { createUrlSigner } from './http/signed-url.ts';
import { createProber } from './images/prober.ts';
import { openMetadata } from './metadata/index.ts';
import { createMetrics } from './metrics/index.ts';
import { checkSecretKey } from './nodes.ts';
import { openChannels } from './open-channels.ts';
import { pinnedGet } from './outbound/pinned-get.ts';
import { inspectPrivacy } from './private-files.ts';
import { createRateLimiter } from './rate-limit/index.ts';
import { loadSecretKey } from './secret-key.ts';
import { whenItAnswers } from './wait-for-database.ts';

export interface App {
  readonly http: FastifyInstance;
  readonly metadata: MetadataStore;
  readonly pool: ChannelPool;
  readonly sessions: Sessions;
  /** The time that expiries and leases go by. */
  readonly now: Clock;
  /** Reclaims what a crash left, then begins the background work. */
  start(): Promise<void>;
  /** Lets running requests end within the grace time, then stops everything. */
  stop(): Promise<void>;
}

/**
 * Makes the server of its parts: opens the database, migrates it and connects the channels. Listens
 * to nothing yet. Commands that need only some of the parts make these themselves.
 */
export async function createApp(config: Config, log: Logger): Promise<App> {
  const spoolFolder = join(config.dataDir, 'spool');
  await prepareDataFolder(config.dataDir, ['spool']);
  for (const warning of inspectPrivacy(config.dataDir).warnings) {
    log.warn(warning);
  }
  const secretKey = await loadSecretKey(config);
  const metadata = await openMetadata({
    dataDir: config.dataDir,
    durability: config.sqliteDurability,
    ballast: true,
    poolSize: config.databasePoolSize,
    databaseUrl: config.databaseUrl,
    log: (message) => log.warn(message),
  });
  try {
    await whenItAnswers(() => metadata.migrate(), { config, log });
    if (config.databaseUrl !== undefined) {
      await checkSecretKey(secretKey, metadata.settings);
    }
    return await assemble({ config, log, metadata, secretKey, spoolFolder });
  } catch (error) {
    await metadata.close();
    throw error;
  }
}

interface Parts {
  readonly config: Config;
  readonly log: Logger;
  readonly metadata: MetadataStore;
  readonly secretKey: Uint8Array;
  readonly spoolFolder: string;
}

async function assemble({ config, log, metadata, secretKey, spoolFolder }: Parts): Promise<App> {
  const clock = metadata.time && (await createSharedClock({ read: metadata.time, log }));
  const now = clock?.now ?? Date.now;
  const metrics = createMetrics({ version: packageJson.version });
  const { imageChannel: image, videoChannel: video, documentChannel: document } = config.routing;
  const prober = createProber();
  const channels = await openChannels(
    { config, prober, metadata, metrics, log, now, secretKey },
    {
      usage: metadata.files.usage,
      // An address that has expired keeps no room, though its upload may live on.
      reserved: (id) => metadata.uploads.reservedBytes(id, now() + uploadGraceMs),
      groups: channelGroups,
      fallbackOrder: config.routing.fallbackOrder,
      defaultChannel: config.routing.defaultChannel,
      loadBalance: config.routing.loadBalance,
      routes: { image, video, document },
    },
  );
  const { pool } = channels;
  const refreshSettings = async (): Promise<void> => {
    await channels.settings.refresh();
    await channels.live.refresh();
  };
  const settingsPoll = poll(refreshSettings, settingsPollMs, log);
  metrics.collect(collectedFrom({ config, metadata, pool }));
  const digests = createDigestService();
  const authCode = () => channels.settings.authCode();
  const brake = createAuthThrottle(now);
  const sessions = createSessions({
    store: metadata.sessions,
    key: derivedKey(secretKey, 'stowage sessions'),
    ttlMs: config.admin.sessionDays * dayMs,
    authCode,
    now,
  });
  const signIn = createSignIn({
    accounts: metadata.accounts,
    sessions,
    brake,
    authCode,
    resetKey: config.admin.resetKey,
    isPasswordConfigured: config.admin.password !== undefined,
    now,
  });
  const access = createAccess({
    tokens: metadata.tokens,
    allowAnonymousUploads: config.allowAnonymousUploads,
    brake,
    sessions,
    now,
    authCode,
  });
  const intake = createIntake({ metadata, digests, spoolFolder, now });
  const files = createFiles({ metadata, pool, intake, access, now });
  const openUploads = createOpenUploads({
    uploads: metadata.uploads,
    access,
    max: config.media.maxOpenUploads,
  });
  const { urlTtlSeconds, strictSize } = config.media;
  const presigned = new PresignedUploads(
    { metadata, pool, intake, files, access, openUploads, prober, digests, now, log },
    { urlTtlSeconds, strictSize, supportedTypes },
  );
  const { maxUploadBytes } = config.limits;
  const basic = new BasicUploads({ intake, pool, files, prober, maxUploadBytes });
  const chunked = new ChunkedUploads({
    metadata,
    pool,
    intake,
    files,
    access,
    openUploads,
    spoolFolder,
    digests,
    now,
    maxChunks: config.uploads.maxChunks,
    maxUploadBytes,
    kept: new KeptChunks({
      folder: join(config.dataDir, 'kept-chunks'),
      maxBytes: config.uploads.keptChunkBytes,
    }),
    ttlMs: config.uploads.chunkedTtlHours * hourMs,
  });
  const direct = new DirectUploads({
    metadata,
    pool,
    files,
    access,
    openUploads,
    digests,
    now,
    maxUploadBytes,
  });
  const fetch = createSafeFetch({
    ...config.fetch,
    userAgent: 'Stowage (media import)',
    httpGet: pinnedGet,
  });
  const { maxImageBytes, maxVideoBytes } = config.fetch;
  const imports = new Imports(
    { metadata, pool, intake, files, presigned, access, openUploads, prober, fetch, now, log },
    { maxImageBytes, maxVideoBytes, supportedTypes },
  );
  const rateLimiter = await createRateLimiter({
    ...config.rateLimit,
    databaseUrl: config.databaseUrl,
  });
  const jobs = createJobRunner({
    jobs: metadata.jobs,
    handlers: { ...storageJobs(pool, metadata.files), ...imports.handlers },
    held: heldByBackup(metadata.leases, now),
    now,
    log,
  });
  const removeExpired = {
    presigned: (upload: Upload) => presigned.removeExpired(upload),
    import: (upload: Upload) => presigned.removeExpired(upload),
    chunked: (upload: Upload) => chunked.removeExpired(upload),
    direct: (upload: Upload) => direct.removeExpired(upload),
  };
  const maintenance = createMaintenance({
    metadata,
    pool,
    removeExpired,
    alsoSweep: () => chunked.sweepKept(),
    now,
    log,
  });
  const scrubber = createScrubber({
    metadata,
    pool,
    spoolFolder,
    digests,
    now,
    log,
    ...config.scrub,
    onChecked: metrics.scrubbed,
  });

  let ready = true;
  const isReady = (): boolean => ready;
  const http = createHttpServer({
    access,
    sessions,
    signIn,
    files,
    hotFiles: new HotFiles(config.reads.memoryBytes, metadata.contentVersion),
    basic,
    presigned,
    imports,
    resources: createResourceFetch({ fetch, maxBytes: maxVideoBytes }),
    chunked,
    direct,
    pool,
    channelAdmin: channels.admin,
    runtimeSettings: channels.settings,
    metadata,
    rateLimiter,
    now,
    log,
    metrics,
    signer: createUrlSigner(derivedKey(secretKey, 'stowage relay urls')),
    settings: httpSettings(config, spoolFolder),
    isReady,
    readiness: createReadiness({ isReady, metadata }),
  });

  return {
    http,
    metadata,
    pool,
    sessions,
    now,
    async start() {
      await maintenance.reclaim();
      // One process has this database: the process that had claimed a job is gone.
      if (config.databaseUrl === undefined) {
        await metadata.jobs.giveBack(now());
      }
      jobs.start();
      maintenance.start();
      scrubber.start();
    },
    async stop() {
      ready = false;
      await wait(config.shutdownDelaySeconds * 1000);
      await closeGracefully(http, config.shutdownGraceSeconds * 1000);
      await jobs.stop();
      await Promise.all([imports.stop(), maintenance.stop(), scrubber.stop()]);
      await digests.close();
      await settingsPoll.stop();
      await channels.close();
      await rateLimiter.close?.();
      clock?.stop();
      await metadata.close();
    },
  };
}

/** How soon a change of the settings counts on the other nodes. */
const settingsPollMs = 1000;

function derivedKey(secretKey: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secretKey, '', purpose, 32));
}

const idleCheckMs = 100;

async function closeGracefully(http: FastifyInstance, graceMs: number): Promise<void> {
  const cut = setTimeout(() => http.server.closeAllConnections(), graceMs);
  // Connections that were busy at first fall idle one by one: they would keep the server waiting
  // for their next request.
  const closeIdle = setInterval(() => http.server.closeIdleConnections(), idleCheckMs);
  try {
    await http.close();
  } finally {
    clearTimeout(cut);
    clearInterval(closeIdle);
  }
}

function httpSettings(config: Config, spoolFolder: string): HttpSettings {
  const { media, limits, uploads } = config;
  return {
    trustProxy: config.trustProxy,
    corsOrigins: config.cors.origins,
    maxUploadBytes: limits.maxUploadBytes,
    maxBytesOf: {
      image: media.maxImageBytes,
      video: media.maxVideoBytes,
      document: media.maxDocumentBytes,
    },
    urlTtlSeconds: media.urlTtlSeconds,
    requireSize: media.requireSize,
    showUrls: media.showUrls,
    idleTimeoutMs: uploads.idleTimeoutSeconds * 1000,
    keepAliveMs: config.keepAliveSeconds * 1000,
    maxConnectionsPerAddress: config.maxConnectionsPerAddress,
    metricsPublic: config.metrics.public,
    isPasswordFixed: config.admin.password !== undefined,
    sessionSeconds: (config.admin.sessionDays * dayMs) / 1000,
    loadBalance: config.routing.loadBalance,
    sendfile: config.reads.sendfile,
    publicBrowse: config.publicBrowse,
    randomImage: config.randomImage,
    spoolFolder,
    publicUrl: config.publicUrl,
    urlPrefix: config.urlPrefix,
    allowAnonymousUploads: config.allowAnonymousUploads,
  };
}
