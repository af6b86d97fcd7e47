import { expect, it } from 'vitest';
import { createMetrics } from './index.ts';

it('counts pending jobs when the database tells, and shows all else when it does not', async () => {
  let pending: () => Promise<number> = async () => 7;
  const metrics = createMetrics(() => pending());
  metrics.request({ method: 'GET', route: '/healthz', status: 200, durationMs: 1 });
  expect((await metrics.render()).body).toContain('\nstowage_jobs_pending 7\n');
  for (const silent of [() => Promise.reject(new Error('gone')), () => new Promise<number>(() => undefined)]) {
    pending = silent;
    const { body } = await metrics.render();
    expect(body).not.toMatch(/^stowage_jobs_pending/m);
    expect(body).toContain('stowage_http_request_duration_seconds_count{method="GET"');
  }
  pending = async () => 0;
  expect((await metrics.render()).body).toContain('\nstowage_jobs_pending 0\n');
});
