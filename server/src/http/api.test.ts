import Fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fail } from '../core/errors.ts';
import { type Api, ownerOf, serveApi, undecodable } from './api.ts';
import { apis } from './apis.ts';
import type { HttpDeps } from './deps.ts';
import type { Dialect } from './dialect.ts';
import { type Route, route } from './route.ts';

const inWord = (word: string): Dialect => ({
  render: ({ code }) => ({ body: `${word}: ${code}` }),
});
const common = { tag: 'Files', summary: '', answers: {} } as const;
const asked: string[] = [];

const routes: readonly Route[] = [
  route({
    ...common,
    id: 'open',
    method: 'GET',
    path: '/a/open',
    permission: 'public',
    handler: () => 'open',
  }),
  route({
    ...common,
    id: 'closed',
    method: ['POST', 'PUT'],
    path: '/a/closed',
    permission: 'delete',
    before: ({ request }) => {
      if (request.headers['x-early'] !== undefined) {
        throw fail('gone');
      }
    },
    handler: ({ caller }) => caller.owner,
  }),
  route({
    ...common,
    id: 'strange',
    method: 'GET',
    path: '/a/strange',
    permission: 'upload',
    dialect: inWord('strange'),
    handler: () => {
      throw fail('conflict');
    },
  }),
  route({
    ...common,
    id: 'rest',
    method: 'GET',
    path: '/a/files/*',
    permission: 'public',
    undecodable: { code: 'bad_request', message: 'No such spelling' },
    handler: () => 'rest',
  }),
];

const api: Api = {
  prefixes: ['/a'],
  alsoAt: (path) => (path === '/a/closed' ? ['/old/closed'] : []),
  dialect: inWord('api'),
  headers: { 'cache-control': 'no-store' },
  credentials: 'token',
  async authenticate({ request }, { permission }) {
    asked.push(permission);
    if (request.headers.authorization === undefined) {
      throw fail('unauthorized');
    }
    return { owner: 'ada', permissions: new Set(), token: undefined };
  },
  failures: [],
  routes,
};

describe('an API', () => {
  let app: FastifyInstance;
  const headers = { authorization: 'x' };
  beforeAll(async () => {
    const deps = {
      settings: {},
      now: Date.now,
      log: { error: () => undefined },
    } as unknown as HttpDeps;
    app = Fastify({ logger: false });
    app.setNotFoundHandler((_request, reply) => reply.code(404).send('root'));
    await app.register(serveApi(api, deps));
  });
  afterAll(() => app.close());

  it('asks for the permission of the route, and for none where all may', async () => {
    asked.length = 0;
    expect((await app.inject('/a/open')).body).toBe('open');
    expect(asked).toEqual([]);
    expect((await app.inject({ method: 'PUT', url: '/a/closed', headers })).body).toBe('ada');
    expect(asked).toEqual(['delete']);
  });

  it('says in its words who may not, before the handler and behind what comes before', async () => {
    const refused = await app.inject({ method: 'POST', url: '/a/closed' });
    expect([refused.statusCode, refused.body, refused.headers['www-authenticate']]).toEqual([
      401,
      'api: unauthorized',
      'Bearer',
    ]);
    const early = await app.inject({
      method: 'POST',
      url: '/a/closed',
      headers: { 'x-early': '1' },
    });
    expect([early.statusCode, early.body]).toEqual([410, 'api: gone']);
    expect((await app.inject('/a/strange')).body).toBe('api: unauthorized');
  });

  it('leaves failures of the handler to the words of the route', async () => {
    const { statusCode, body } = await app.inject({ url: '/a/strange', headers });
    expect([statusCode, body]).toEqual([409, 'strange: conflict']);
  });

  it('has a path for each method, with Allow for the others', async () => {
    const {
      statusCode,
      headers: answered,
      body,
    } = await app.inject({ method: 'DELETE', url: '/a/closed' });
    expect([statusCode, body, answered.allow]).toEqual([
      405,
      'api: method_not_allowed',
      'POST, PUT, OPTIONS',
    ]);
    expect((await app.inject({ method: 'POST', url: '/old/closed', headers })).body).toBe('ada');
  });

  it.each(['/a', '/a/none', '/a/open/none'])(
    'says in its words that there is no %s',
    async (url) => {
      const { statusCode, body, headers: answered } = await app.inject(url);
      expect([statusCode, body, answered['cache-control']]).toEqual([
        404,
        'api: not_found',
        'no-store',
      ]);
      expect((await app.inject({ method: 'OPTIONS', url })).statusCode).toBe(204);
    },
  );

  it.each(['/', '/ab', '/none'])('leaves %s to the server', async (url) => {
    expect((await app.inject(url)).body).toBe('root');
  });

  it('tells an address that cannot be decoded what its route says', () => {
    expect(undecodable('/a/files/%zz', api)).toMatchObject({
      code: 'bad_request',
      message: 'No such spelling',
    });
    expect(undecodable('/a/%zz', api)).toMatchObject({
      code: 'bad_request',
      message: 'The request is not valid.',
    });
  });
});

it('is found by the longest prefix of an address', () => {
  const prefixOf = (url: string) => ownerOf(url, apis)?.prefixes[0];
  expect(
    ['/api/v1/x', '/api/v1?a', '/v1/%zz', '/api/x', '/api/manage/delete/%zz'].map(prefixOf),
  ).toEqual(['/api/v1', '/api/v1', '/api/v1', '/api', '/api']);
  expect(['/upload?x=/file/', '/upload/%zz', '/file/%zz', '/relay/a'].map(prefixOf)).toEqual([
    '/upload',
    '/upload',
    '/file',
    '/relay',
  ]);
  expect(['/', '/uploads', '/filed/a', '/media', '/apis'].map(prefixOf)).toEqual(
    Array(5).fill(undefined),
  );
});

it('a route without a permission does not compile', () => {
  // @ts-expect-error: the permission is missing.
  route({ ...common, id: 'none', method: 'GET', path: '/none', handler: () => undefined });
  route({
    ...common,
    id: 'none',
    method: 'GET',
    path: '/none',
    permission: 'public',
    // @ts-expect-error: where all may, there is no caller.
    handler: ({ caller }) => caller,
  });
  expect(
    apis.flatMap((one) => one.routes).filter(({ permission }) => permission === undefined),
  ).toEqual([]);
});
