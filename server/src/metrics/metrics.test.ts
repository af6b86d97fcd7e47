import { describe, expect, it } from 'vitest';
import type { RequestSample } from '../core/request-sample.ts';
import type { Collected } from './collected.ts';
import { createMetrics } from './index.ts';

const sample: RequestSample = {
  method: 'POST',
  route: '/upload',
  status: 200,
  durationMs: 30,
  bytesIn: 1000,
  bytesOut: 200,
};

const collected: Collected = {
  jobs: async () => ({ pending: 7, failing: 2 }),
  openUploads: async () => ({ chunked: 3, presigned: 0 }),
  channels: async () => [
    { type: 's3', channel: 'main', bytes: 500, objects: 2, limitBytes: 1000 },
    { type: 'local', channel: 'main', bytes: 90, objects: 1, limitBytes: undefined },
  ],
  brokenReplicas: async () => 4,
  dataDisk: async () => ({ freeBytes: 10, sizeBytes: 20 }),
  pingDatabase: async () => undefined,
};

function metricsWith(overrides: Partial<Collected> = {}) {
  const metrics = createMetrics({ version: '1.2.3' });
  metrics.collect({ ...collected, ...overrides });
  return metrics;
}

const linesOf = async (metrics: ReturnType<typeof createMetrics>): Promise<readonly string[]> =>
  (await metrics.render()).body.split('\n');

describe('metrics', () => {
  it('counts requests by class of status, bytes, and uploads by how they ended', async () => {
    const metrics = createMetrics({ version: '1.2.3' });
    metrics.request({ ...sample, upload: 'basic' });
    metrics.request({ ...sample, status: 413, upload: 'basic' });
    metrics.request({ ...sample, status: 499, upload: 'chunked' });
    metrics.request({ ...sample, status: 503, upload: 'presigned' });
    metrics.request({ ...sample, method: 'GET', route: '/file/*', bytesIn: 0 });
    expect(await linesOf(metrics)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^stowage_build_info\{version="1\.2\.3",node="\d+/),
        'stowage_http_request_duration_seconds_count{method="POST",route="/upload",status="4xx"} 2',
        'stowage_http_request_duration_seconds_count{method="GET",route="/file/*",status="2xx"} 1',
        'stowage_http_responses_total{status="499"} 1',
        'stowage_http_received_bytes_total 4000',
        'stowage_http_sent_bytes_total 1000',
        'stowage_uploads_total{api="basic",result="ok"} 1',
        'stowage_uploads_total{api="basic",result="refused"} 1',
        'stowage_uploads_total{api="chunked",result="aborted"} 1',
        'stowage_uploads_total{api="presigned",result="failed"} 1',
      ]),
    );
  });

  it('counts methods that callers make up, or that no route has, as one', async () => {
    const metrics = createMetrics({ version: '1.2.3' });
    for (const method of ['PROPFIND', 'M-SEARCH', 'TRACE', '__proto__']) {
      metrics.request({ ...sample, method, route: 'unknown' });
    }
    const series = (await linesOf(metrics)).filter((line) =>
      line.startsWith('stowage_http_request_duration_seconds_count'),
    );
    expect(series).toEqual([
      'stowage_http_request_duration_seconds_count{method="OTHER",route="unknown",status="2xx"} 4',
    ]);
  });

  it('keeps channels of one name apart by their type', async () => {
    const metrics = metricsWith();
    metrics.channelOperation({
      type: 's3',
      channel: 'main',
      operation: 'put',
      outcome: 'channel_full',
      durationMs: 5,
    });
    metrics.channelOperation({
      type: 'local',
      channel: 'main',
      operation: 'put',
      outcome: 'ok',
      durationMs: 5,
    });
    metrics.circuit({ type: 's3', channel: 'main' }, 'open');
    const lines = await linesOf(metrics);
    expect(lines).toEqual(
      expect.arrayContaining([
        'stowage_channel_operation_duration_seconds_count{type="local",channel="main",operation="put"} 1',
        'stowage_channel_failures_total{type="s3",channel="main",operation="put",code="channel_full"} 1',
        'stowage_channel_circuit_state{type="s3",channel="main"} 2',
        'stowage_stored_bytes{type="s3",channel="main"} 500',
        'stowage_stored_objects{type="local",channel="main"} 1',
        'stowage_channel_quota_bytes{type="s3",channel="main"} 1000',
      ]),
    );
    expect(lines.filter((line) => line.startsWith('stowage_channel_quota_bytes{'))).toHaveLength(1);
  });

  it('shows jobs, open uploads, the disk and the database', async () => {
    expect(await linesOf(metricsWith())).toEqual(
      expect.arrayContaining([
        'stowage_jobs_pending 7',
        'stowage_jobs_failing 2',
        'stowage_replicas_broken 4',
        'stowage_uploads_open{kind="chunked"} 3',
        'stowage_uploads_open{kind="presigned"} 0',
        'stowage_data_disk_free_bytes 10',
        'stowage_data_disk_size_bytes 20',
        'stowage_database_up 1',
        expect.stringMatching(/^stowage_database_ping_seconds \d/),
      ]),
    );
  });

  it.each<readonly [string, () => Promise<never>]>([
    ['fails', () => Promise.reject(new Error('gone'))],
    ['does not answer', () => new Promise(() => undefined)],
  ])('a database that %s takes its own figures away, no others', async (_, gone) => {
    const metrics = metricsWith({
      jobs: gone,
      openUploads: gone,
      channels: gone,
      pingDatabase: gone,
    });
    metrics.request(sample);
    const lines = await linesOf(metrics);
    expect(lines).toEqual(
      expect.arrayContaining([
        'stowage_database_up 0',
        'stowage_data_disk_free_bytes 10',
        'stowage_http_received_bytes_total 1000',
      ]),
    );
    expect(
      lines.filter((line) => /^stowage_(jobs|uploads_open|stored|database_ping)\S* \d/.test(line)),
    ).toEqual([]);
  });
});
