import { z } from 'zod';
import type { Api } from '../api.ts';
import { json, type Route, route } from '../route.ts';
import { isCurrent } from './is-current.ts';
import { named } from './named.ts';
import { etagOf } from './renderer-script.ts';

const openApiSelf = named('OpenApiDocument', () => z.looseObject({ openapi: z.string() }));

/** The document of all APIs, its own among them. */
export function createGetOpenApi(all: () => readonly Api[]): Route {
  const written = new Map<string, Promise<Written>>();
  return route({
    id: 'getOpenApi',
    method: ['GET', 'HEAD'],
    path: '/openapi.json',
    permission: 'public',
    tag: 'Operations',
    summary: 'This document',
    description: 'For client generators; the same as `docs/openapi.json` in the repository.',
    answers: {
      200: { description: 'OpenAPI 3.1.', headers: ['ETag'], content: json(openApiSelf) },
      304: { description: 'The copy is current.', headers: ['ETag'] },
    },
    async handler({ request, reply, deps }) {
      const path = publicPath(deps.settings.publicUrl);
      const document = written.get(path) ?? write(all(), path);
      written.set(path, document);
      const { text, etag } = await document;
      reply.header('access-control-allow-origin', '*');
      if (isCurrent(request, reply, etag)) {
        return reply.code(304).send();
      }
      return reply.type('application/json; charset=utf-8').send(text);
    },
  });
}

/** The prefix of all public addresses, such as `/media/`; `/` when the server has its own host. */
function publicPath(publicUrl = ''): string {
  return `${URL.parse(publicUrl)?.pathname ?? ''}/`.replace(/\/+$/, '/');
}

interface Written {
  readonly text: string;
  readonly etag: string;
}

/** Loaded on demand: no other code makes the schemas of responses at run time. */
async function write(apis: readonly Api[], path: string): Promise<Written> {
  const { openApiDocument } = await import('./document.ts');
  const text = JSON.stringify(openApiDocument(apis, path));
  return { text, etag: etagOf(text) };
}
