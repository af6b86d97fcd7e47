import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { RequestSample } from '../core/request-sample.ts';
import { addCollected, type Collected } from './collected.ts';

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
    help: 'Always 1; the labels name the running version.',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version, node: process.versions.node }, 1);
  const counter = counterMaker(registers);
  return {
    ...httpMetrics(registers, counter),
    ...channelMetrics(registers, counter),
    ...scrubMetrics(counter),
    collect: (collected) => addCollected(registry, collected),
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}

type CounterMaker = (name: string, help: string, labelNames?: readonly string[]) => Counter;

function counterMaker(registers: Registry[]): CounterMaker {
  return (name, help, labelNames = []) =>
    new Counter({ name, help, labelNames: [...labelNames], registers });
}

function httpMetrics(registers: Registry[], counter: CounterMaker): Pick<Metrics, 'request'> {
  const durations = new Histogram({
    name: 'stowage_http_request_duration_seconds',
    help: 'Time from the head of a request to the end of its response, in seconds.',
    labelNames: ['method', 'route', 'status'],
    buckets: seconds,
    registers,
  });
  const responses = counter(
    'stowage_http_responses_total',
    'Responses by exact status; 499 stands for clients that went away.',
    ['status'],
  );
  const received = counter('stowage_http_received_bytes_total', 'Bytes of request bodies.');
  const sent = counter('stowage_http_sent_bytes_total', 'Bytes of responses, headers included.');
  const uploads = counter(
    'stowage_uploads_total',
    'Files that came in, or did not, by the way they came: ok, refused (4xx), aborted by the client, failed (5xx).',
    ['api', 'result'],
  );
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

function channelMetrics(
  registers: Registry[],
  counter: CounterMaker,
): Pick<Metrics, 'channelOperation' | 'circuit'> {
  const operations = new Histogram({
    name: 'stowage_channel_operation_duration_seconds',
    help: 'Duration of storage channel operations in seconds, including time spent waiting for a turn.',
    labelNames: ['type', 'channel', 'operation'],
    buckets: seconds,
    registers,
  });
  const failures = counter(
    'stowage_channel_failures_total',
    'Failed operations on storage channels, by error code.',
    ['type', 'channel', 'operation', 'code'],
  );
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

function scrubMetrics(counter: CounterMaker): Pick<Metrics, 'scrubbed'> {
  const replicas = counter(
    'stowage_scrub_replicas_total',
    'Stored copies that were read and compared with their hash, by what was found.',
    ['type', 'channel', 'verdict'],
  );
  const bytesRead = counter(
    'stowage_scrub_bytes_total',
    'Bytes read to compare stored copies with their hashes.',
    ['type', 'channel'],
  );
  const repairs = counter(
    'stowage_scrub_repairs_total',
    'Damaged or missing copies that were replaced from another one.',
    ['type', 'channel'],
  );
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
