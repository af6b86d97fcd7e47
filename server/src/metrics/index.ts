import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { addCollected, type Collected } from './collected.ts';

export interface RequestSample {
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly durationMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** How the request would have created a file. */
  readonly upload?: string | undefined;
}

/** A channel by type and name. A name is unique among channels of one type only. */
export interface ChannelLabels {
  readonly type: string;
  readonly channel: string;
}

export interface Metrics {
  request(sample: RequestSample): void;
  channelOperation(
    sample: ChannelLabels & {
      readonly operation: string;
      readonly outcome: string;
      readonly durationMs: number;
    },
  ): void;
  /** 0 closed, 1 half open, 2 open. */
  circuit(labels: ChannelLabels, state: 'closed' | 'half_open' | 'open'): void;
  /** Counts a stored copy that was read and compared. */
  scrubbed(
    sample: ChannelLabels & {
      readonly verdict: string;
      readonly isRepaired: boolean;
      readonly bytes: number;
    },
  ): void;
  /** Figures that are read at each scrape. */
  collect(collected: Collected): void;
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}

const seconds = [0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 600];
/** Node knows thirty more, and callers choose them. Each would be a series of its own for ever. */
const usualMethods: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
]);
const circuitValues = { closed: 0, half_open: 1, open: 2 } as const;

/** Prometheus metrics of this process, in a registry of their own. */
export function createMetrics({ version }: { readonly version: string }): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'stowage_build_info',
    help: 'Always 1; the labels say which version runs.',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version, node: process.versions.node }, 1);
  const http = httpMetrics(registers);
  const channels = channelMetrics(registers);
  return {
    ...http,
    ...channels,
    ...scrubMetrics(registers),
    collect: (collected) => addCollected(registry, collected),
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}

function httpMetrics(registers: Registry[]): Pick<Metrics, 'request'> {
  const durations = new Histogram({
    name: 'stowage_http_request_duration_seconds',
    help: 'Time from the head of a request to the end of its response, in seconds.',
    labelNames: ['method', 'route', 'status'],
    buckets: seconds,
    registers,
  });
  const responses = new Counter({
    name: 'stowage_http_responses_total',
    help: 'Responses by exact status; 499 stands for clients that went away.',
    labelNames: ['status'],
    registers,
  });
  const received = new Counter({
    name: 'stowage_http_received_bytes_total',
    help: 'Bytes of request bodies.',
    registers,
  });
  const sent = new Counter({
    name: 'stowage_http_sent_bytes_total',
    help: 'Bytes of responses, headers included.',
    registers,
  });
  const uploads = new Counter({
    name: 'stowage_uploads_total',
    help: 'Files that came in, or did not, by the way they came: ok, refused (4xx), aborted by the client, failed (5xx).',
    labelNames: ['api', 'result'],
    registers,
  });
  return {
    request({ method, route, status, durationMs, bytesIn, bytesOut, upload }) {
      durations.observe(
        {
          method: usualMethods.has(method) ? method : 'OTHER',
          route,
          status: `${Math.floor(status / 100)}xx`,
        },
        durationMs / 1000,
      );
      responses.inc({ status: String(status) });
      received.inc(Math.max(0, bytesIn));
      sent.inc(Math.max(0, bytesOut));
      if (upload !== undefined) {
        uploads.inc({ api: upload, result: resultOf(status) });
      }
    },
  };
}

function resultOf(status: number): string {
  if (status === 499) {
    return 'aborted';
  }
  if (status >= 500) {
    return 'failed';
  }
  return status >= 400 ? 'refused' : 'ok';
}

function channelMetrics(registers: Registry[]): Pick<Metrics, 'channelOperation' | 'circuit'> {
  const operations = new Histogram({
    name: 'stowage_channel_operation_duration_seconds',
    help: 'Duration of storage channel operations in seconds, including time spent waiting for a turn.',
    labelNames: ['type', 'channel', 'operation'],
    buckets: seconds,
    registers,
  });
  const failures = new Counter({
    name: 'stowage_channel_failures_total',
    help: 'Failed operations on storage channels, by error code.',
    labelNames: ['type', 'channel', 'operation', 'code'],
    registers,
  });
  const circuits = new Gauge({
    name: 'stowage_channel_circuit_state',
    help: 'Circuit breaker of a channel: 0 closed, 1 half open, 2 open.',
    labelNames: ['type', 'channel'],
    registers,
  });
  return {
    channelOperation({ type, channel, operation, outcome, durationMs }) {
      operations.observe({ type, channel, operation }, durationMs / 1000);
      if (outcome !== 'ok') {
        failures.inc({ type, channel, operation, code: outcome });
      }
    },
    circuit: ({ type, channel }, state) => circuits.set({ type, channel }, circuitValues[state]),
  };
}

function scrubMetrics(registers: Registry[]): Pick<Metrics, 'scrubbed'> {
  const replicas = new Counter({
    name: 'stowage_scrub_replicas_total',
    help: 'Stored copies that were read and compared with their hash, by what was found.',
    labelNames: ['type', 'channel', 'verdict'],
    registers,
  });
  const bytesRead = new Counter({
    name: 'stowage_scrub_bytes_total',
    help: 'Bytes read to compare stored copies with their hashes.',
    labelNames: ['type', 'channel'],
    registers,
  });
  const repairs = new Counter({
    name: 'stowage_scrub_repairs_total',
    help: 'Damaged or missing copies that were replaced from another one.',
    labelNames: ['type', 'channel'],
    registers,
  });
  return {
    scrubbed({ type, channel, verdict, isRepaired, bytes }) {
      replicas.inc({ type, channel, verdict });
      bytesRead.inc({ type, channel }, bytes);
      if (isRepaired) {
        repairs.inc({ type, channel });
      }
    },
  };
}
