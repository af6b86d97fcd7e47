import { expect, it } from 'vitest';
import { createMetrics } from './index.ts';

it.each(['jobs_pending', 'replicas_broken'])(
  'counts %s when the database tells, and shows all else when it does not',
  async (name) => {
    let pending: () => Promise<number> = async () => 7;
    const metrics = createMetrics({ pendingJobs: () => pending(), brokenReplicas: () => pending() });
    metrics.request({ method: 'GET', route: '/healthz', status: 200, durationMs: 1 });
    expect((await metrics.render()).body).toContain(`\nstowage_${name} 7\n`);
    for (const silent of [() => Promise.reject(new Error('gone')), () => new Promise<number>(() => undefined)]) {
      pending = silent;
      const { body } = await metrics.render();
      expect(body).not.toMatch(new RegExp(`^stowage_${name}`, 'm'));
      expect(body).toContain('stowage_http_request_duration_seconds_count{method="GET"');
    }
    pending = async () => 0;
    expect((await metrics.render()).body).toContain(`\nstowage_${name} 0\n`);
  },
);
