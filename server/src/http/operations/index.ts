import type { Api } from '../api.ts';
import { byToken } from '../authenticate.ts';
import { getHealth } from './get-health.ts';
import { getMetrics } from './get-metrics.ts';
import { getReadiness } from './get-readiness.ts';
import { plainDialect } from './plain.ts';

/** Endpoints for operators. */
export const operationsApi: Api = {
  prefixes: [],
  dialect: plainDialect,
  headers: { 'cache-control': 'no-store' },
  credentials: 'token',
  authenticate: byToken,
  failures: [],
  routes: [getHealth, getReadiness, getMetrics],
};
