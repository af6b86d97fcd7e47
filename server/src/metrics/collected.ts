import { Gauge, type Registry } from 'prom-client';

export interface ChannelUse {
  readonly type: string;
  readonly channel: string;
  readonly bytes: number;
  readonly objects: number;
  /** Undefined without a quota. */
  readonly limitBytes: number | undefined;
}

/**
 * Figures that other parts keep. Each is read at every scrape. One that fails, or takes long, is
 * left out of that scrape.
 */
export interface Collected {
  jobs(): Promise<{ readonly pending: number; readonly failing: number }>;
  openUploads(): Promise<Readonly<Record<string, number>>>;
  channels(): Promise<readonly ChannelUse[]>;
  brokenReplicas(): Promise<number>;
  dataDisk(): Promise<{ readonly freeBytes: number; readonly sizeBytes: number }>;
  /** Resolves when the database has responded. */
  pingDatabase(): Promise<void>;
}

type Sample = readonly [value: number, labels?: Readonly<Record<string, string>>];

const patienceMs = 1_000;

export function addCollected(registry: Registry, from: Collected): void {
  const gauge = (
    name: string,
    help: string,
    labelNames: readonly string[],
    read: () => Promise<readonly Sample[]>,
  ): void => {
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      // The other metrics matter even more when the database is down.
      async collect() {
        this.reset();
        if (labelNames.length === 0) {
          this.remove();
        }
        for (const [value, labels = {}] of (await soon(read())) ?? []) {
          this.set(labels, value);
        }
      },
    });
  };
  const jobs = shared(from.jobs);
  const channels = shared(from.channels);
  const disk = shared(from.dataDisk);
  const ofChannel =
    (pick: (use: ChannelUse) => number | undefined) => async (): Promise<readonly Sample[]> =>
      (await channels()).flatMap((use) => {
        const value = pick(use);
        return value === undefined
          ? []
          : [[value, { type: use.type, channel: use.channel }] as const];
      });
  const channelLabels = ['type', 'channel'];

  gauge(
    'stowage_jobs_pending',
    'Unfinished jobs, such as deletions that a backend has not confirmed.',
    [],
    async () => [[(await jobs()).pending]],
  );
  gauge('stowage_jobs_failing', 'Pending jobs that have failed at least once.', [], async () => [
    [(await jobs()).failing],
  ]);
  gauge(
    'stowage_replicas_broken',
    'Stored copies that were damaged or missing when last checked.',
    [],
    async () => [[await from.brokenReplicas()]],
  );
  gauge('stowage_uploads_open', 'Unfinished uploads.', ['kind'], async () =>
    Object.entries(await from.openUploads()).map(([kind, count]) => [count, { kind }] as const),
  );
  gauge(
    'stowage_stored_bytes',
    'Bytes stored on a channel.',
    channelLabels,
    ofChannel(({ bytes }) => bytes),
  );
  gauge(
    'stowage_stored_objects',
    'Blobs stored on a channel.',
    channelLabels,
    ofChannel(({ objects }) => objects),
  );
  gauge(
    'stowage_channel_quota_bytes',
    'Quota of a channel that has one.',
    channelLabels,
    ofChannel(({ limitBytes }) => limitBytes),
  );
  gauge(
    'stowage_data_disk_free_bytes',
    'Free space on the disk of the data folder.',
    [],
    async () => [[(await disk()).freeBytes]],
  );
  gauge('stowage_data_disk_size_bytes', 'Size of the disk of the data folder.', [], async () => [
    [(await disk()).sizeBytes],
  ]);
  gauge('stowage_database_up', '1 when the database responds within a second.', [], async () => [
    [(await soon(from.pingDatabase().then(() => true))) ? 1 : 0],
  ]);
  gauge(
    'stowage_database_ping_seconds',
    'Response time of the database at the last check, in seconds.',
    [],
    async () => {
      const startedAt = performance.now();
      await from.pingDatabase();
      return [[(performance.now() - startedAt) / 1000]];
    },
  );
}

/** One call for all gauges of one scrape. */
function shared<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return () => {
    asked ??= ask().finally(() => setImmediate(() => (asked = undefined)));
    return asked;
  };
}

/** Undefined when it fails or takes long. */
async function soon<T>(work: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(late.resolve, patienceMs, undefined);
  return Promise.race([work.catch(() => undefined), late.promise]).finally(() =>
    clearTimeout(timer),
  );
}
