import { plainFailures } from '../failures.ts';
import type { Operation } from '../operation.ts';
import { text } from '../schemas/common.ts';
import { health, openApiSelf, readiness } from '../schemas/operations.ts';

const tag = 'Operations';

export const serverOperations: readonly Operation[] = [
  {
    id: 'getHealth',
    method: 'get',
    path: '/healthz',
    tag,
    summary: 'Whether the process lives',
    description: 'For programs that restart a dead process. Looks at nothing else.',
    access: 'none',
    answers: {
      200: {
        description: 'It does.',
        content: { 'application/json': { schema: health, examples: { ok: { value: { status: 'ok' } } } } },
      },
    },
  },
  {
    id: 'getReadiness',
    method: 'get',
    path: '/readyz',
    tag,
    summary: 'Whether requests can be served',
    description:
      'For load balancers: asks the database, and says no from the moment the server is told to stop. What is found is kept for a second.',
    access: 'none',
    answers: {
      200: {
        description: 'They can.',
        content: {
          'application/json': {
            schema: readiness,
            examples: { ok: { value: { status: 'ok', checks: { server: 'ok', database: 'ok' } } } },
          },
        },
      },
      503: {
        description: 'Not now: the server is on its way down, or its database does not answer within two seconds.',
        headers: ['Retry-After'],
        content: {
          'application/json': {
            schema: readiness,
            examples: {
              stopping: { value: { status: 'unavailable', checks: { server: 'stopping' } } },
              database: { value: { status: 'unavailable', checks: { server: 'ok', database: 'unavailable' } } },
            },
          },
        },
      },
    },
  },
  {
    id: 'getMetrics',
    method: 'get',
    path: '/metrics',
    tag,
    summary: 'Metrics for Prometheus',
    description: 'Open to the machine itself, to everybody when configured so, and to tokens with the permission `manage`.',
    access: 'local',
    answers: {
      200: { description: 'Metrics in the text format.', content: { 'text/plain': { schema: text } } },
      ...plainFailures(['unauthorized', { code: 'insufficient_scope', details: { required: 'manage' } }, 'rate_limit_exceeded']),
    },
  },
  {
    id: 'getOpenApi',
    method: 'get',
    path: '/openapi.json',
    tag,
    summary: 'This document',
    description: 'For generators of clients; the same as `docs/openapi.json` of the source.',
    access: 'none',
    answers: {
      200: { description: 'OpenAPI 3.1.', headers: ['ETag'], content: { 'application/json': { schema: openApiSelf } } },
      304: { description: 'The copy is current.', headers: ['ETag'] },
    },
  },
  {
    id: 'getDocs',
    method: 'get',
    path: '/docs',
    tag,
    summary: 'This document as a page',
    description: 'Everything it loads comes from this server.',
    access: 'none',
    answers: { 200: { description: 'A page that loads nothing from other hosts.', content: { 'text/html': { schema: text } } } },
  },
];
