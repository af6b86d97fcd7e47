import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export interface Metrics {
  request(sample: {
    readonly method: string;
    readonly route: string;
    readonly status: number;
    readonly durationMs: number;
  }): void;
  channelOperation(sample: {
    readonly channel: string;
    readonly operation: string;
    readonly outcome: string;
    readonly durationMs: number;
  }): void;
  /** 0 closed, 1 half open, 2 open. */
  circuit(channel: string, state: 'closed' | 'half_open' | 'open'): void;
  /** A stored copy was read and compared. */
  scrubbed(sample: {
    readonly channel: string;
    readonly verdict: string;
    readonly isRepaired: boolean;
    readonly bytes: number;
  }): void;
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}

const seconds = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 600];
const circuitValues = { closed: 0, half_open: 1, open: 2 } as const;

const patienceMs = 1_000;

/** Undefined when it fails or takes long. */
async function soon<T>(work: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(late.resolve, patienceMs, undefined);
  return Promise.race([work.catch(() => undefined), late.promise]).finally(() => clearTimeout(timer));
}

/** What is counted when metrics are asked for. */
export interface Counts {
  readonly pendingJobs: () => Promise<number>;
  readonly brokenReplicas: () => Promise<number>;
}

/** Prometheus metrics of this process, in a registry of their own. Counts that fail are left out. */
export function createMetrics({ pendingJobs, brokenReplicas }: Counts): Metrics {
  const registers = [new Registry()];
  const [registry] = registers;
  collectDefaultMetrics({ ...(registry && { register: registry }) });
  const requests = new Histogram({
    name: 'stowage_http_request_duration_seconds',
    help: 'Time from the head of a request to the end of its answer.',
    labelNames: ['method', 'route', 'status'],
    buckets: seconds,
    registers,
  });
  const operations = new Histogram({
    name: 'stowage_channel_operation_duration_seconds',
    help: 'Time of operations on storage channels, waiting included.',
    labelNames: ['channel', 'operation'],
    buckets: seconds,
    registers,
  });
  const failures = new Counter({
    name: 'stowage_channel_failures_total',
    help: 'Failed operations on storage channels, by error code.',
    labelNames: ['channel', 'operation', 'code'],
    registers,
  });
  const circuits = new Gauge({
    name: 'stowage_channel_circuit_state',
    help: 'Circuit breaker of a channel: 0 closed, 1 half open, 2 open.',
    labelNames: ['channel'],
    registers,
  });
  /** Left out when it cannot be counted soon: without the database all else must be seen all the more. */
  const countWhenAsked = (name: string, help: string, count: () => Promise<number>): void => {
    new Gauge({
      ...{ name, help, registers },
      async collect() {
        const value = await soon(count());
        if (value === undefined) this.remove();
        else this.set(value);
      },
    });
  };
  countWhenAsked(
    'stowage_jobs_pending',
    'Jobs that are not done yet, such as deletions that a backend has not confirmed.',
    pendingJobs,
  );
  countWhenAsked(
    'stowage_replicas_broken',
    'Stored copies that were damaged or missing when they were looked at last.',
    brokenReplicas,
  );
  const scrubbedReplicas = new Counter({
    name: 'stowage_scrub_replicas_total',
    help: 'Stored copies that were read and compared with their hash, by what was found.',
    labelNames: ['channel', 'verdict'],
    registers,
  });
  const scrubbedBytes = new Counter({
    name: 'stowage_scrub_bytes_total',
    help: 'Bytes read to compare stored copies with their hashes.',
    labelNames: ['channel'],
    registers,
  });
  const repairs = new Counter({
    name: 'stowage_scrub_repairs_total',
    help: 'Damaged or missing copies that were replaced from another one.',
    labelNames: ['channel'],
    registers,
  });

  return {
    scrubbed({ channel, verdict, isRepaired, bytes }) {
      scrubbedReplicas.inc({ channel, verdict });
      scrubbedBytes.inc({ channel }, bytes);
      if (isRepaired) repairs.inc({ channel });
    },
    request({ method, route, status, durationMs }) {
      requests.observe({ method, route, status: String(status) }, durationMs / 1000);
    },
    channelOperation({ channel, operation, outcome, durationMs }) {
      operations.observe({ channel, operation }, durationMs / 1000);
      if (outcome !== 'ok') failures.inc({ channel, operation, code: outcome });
    },
    circuit: (channel, state) => circuits.set({ channel }, circuitValues[state]),
    render: async () => ({ contentType: registry?.contentType ?? 'text/plain', body: (await registry?.metrics()) ?? '' }),
  };
}
