import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type App, createApp } from '../../app.ts';
import { drivers } from '../../channels/index.ts';
import { loadConfig } from '../../config.ts';
import { createLogger } from '../../logger.ts';
import { apis } from '../apis.ts';
import { operationsOf } from './operations.ts';

const operations = operationsOf(apis);
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** Routes that the document describes in words instead of listing. */
const inWords: readonly ((method: string, path: string) => boolean)[] = [
  // The Media API under its other bases.
  (_method, path) =>
    /^(\/api\/v1\/api\/v1|\/v1|)\/(media|me|accounts|platform-rules)(\/|$)/.test(path),
  (_method, path) => path.startsWith('/api/huggingface/'),
  // "Any method does the same."
  (method, path) => path === '/upload' && method !== 'POST',
  // "GET and POST do the same."
  (method, path) => path === '/api/manage/delete/{path}' && ['GET', 'POST'].includes(method),
  // "GET, PUT, PATCH and DELETE do the same."
  (method, path) =>
    /^\/api\/manage\/(?:move|block|white)\/\{path\}$/.test(path) && method !== 'POST',
  // HEAD of what GET describes.
  (method, path) =>
    method === 'HEAD' && ['/healthz', '/readyz', '/docs', '/openapi.json'].includes(path),
  // A part of the page.
  (_method, path) => path === '/docs/scalar.js',
];

let folder = '';
let app: App | undefined;
const found = new Set<string>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stowage-routes-'));
  const loaded = loadConfig({
    env: { STOWAGE_DATA_DIR: folder, STOWAGE_LOG_LEVEL: 'silent' },
    cwd: folder,
    drivers,
  });
  if ('problems' in loaded) {
    throw new Error(loaded.problems.join('\n'));
  }
  app = await createApp(loaded.config, createLogger(loaded.config.log));
  const { http } = app;
  const urls = new Set<string>();
  http.addHook('onRoute', ({ url }) => void urls.add(url));
  await http.ready();
  for (const url of urls) {
    for (const method of methods) {
      const { statusCode } = await http.inject({ method, url: url.replace(/:\w+|\*/g, 'x') });
      if (statusCode !== 405) {
        found.add(`${method} ${asTemplate(url)}`);
      }
    }
  }
});

afterAll(async () => {
  await app?.stop();
  await rm(folder, { recursive: true, force: true });
});

function asTemplate(url: string): string {
  return url.replace(/:(\w+)/g, '{$1}').replace('*', '{path}');
}

describe('routes', () => {
  it('are all in the document', () => {
    const documented = new Set(
      operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`),
    );
    const isMissing = (route: string): boolean => {
      const [method = '', path = ''] = route.split(' ');
      return !documented.has(route) && !inWords.some((matches) => matches(method, path));
    };
    expect([...found].filter(isMissing)).toEqual([]);
  });

  it('are there for all that is in the document', () => {
    const routes = operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`);
    expect(routes.filter((route) => !found.has(route))).toEqual([]);
  });
});
