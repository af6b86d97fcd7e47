import { expect } from 'vitest';
import { apis } from '../../src/http/apis.ts';
import type { Answer, Content, Operation } from '../../src/http/openapi/operation.ts';
import { operationsOf } from '../../src/http/openapi/operations.ts';

export interface Call {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly body?: NonNullable<RequestInit['body']>;
  /** The admin token when absent; `''` sends none. */
  readonly token?: string;
  /** A whole address that an earlier answer gave. */
  readonly url?: string;
}

export interface Called {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed when it is JSON, else text; bytes as a buffer. */
  readonly body: unknown;
}

export interface DocumentedCalls {
  /**
   * Makes a call as the document tells to, and holds the answer against it: status, media type,
   * schema without unknown fields, headers.
   */
  call(id: string, call?: Call): Promise<Called>;
  /** `id status` of every call so far. */
  readonly seen: ReadonlySet<string>;
}

/** These come with some answers of a kind only. */
const sometimes = new Set(['Idempotency-Replayed', 'Retry-After', 'WWW-Authenticate']);

export function documentedCalls(server: {
  readonly url: string;
  readonly adminToken: string;
}): DocumentedCalls {
  const operations = operationsOf(apis);
  const seen = new Set<string>();
  return {
    seen,
    async call(id, call = {}) {
      const operation = operations.find((candidate) => candidate.id === id);
      if (operation === undefined) {
        throw new Error(`There is no operation ${id}.`);
      }
      const response = await send(operation, call, server);
      seen.add(`${id} ${response.status}`);
      const where = `${id} ${response.status}`;
      const answer = operation.answers[response.status];
      if (answer === undefined) {
        throw new Error(`${where} is not in the document: ${await response.text()}`);
      }
      checkHeaders(where, response, answer);
      const body = await readBody(where, response, answer, operation.method === 'head');
      return { status: response.status, headers: response.headers, body };
    },
  };
}

function send(
  operation: Operation,
  call: Call,
  server: { readonly url: string; readonly adminToken: string },
): Promise<Response> {
  const path = operation.path.replace(
    /\{(\w+)\}/g,
    (_all, name: string) => call.params?.[name] ?? 'missing',
  );
  const url = new URL(call.url ?? path, server.url);
  for (const [name, value] of Object.entries(call.query ?? {})) {
    url.searchParams.set(name, value);
  }
  const headers = new Headers(call.headers);
  const token = call.token ?? server.adminToken;
  if (token !== '' && operation.access !== 'none') {
    headers.set('authorization', `Bearer ${token}`);
  }
  if (call.json !== undefined) {
    headers.set('content-type', 'application/json');
  }
  const body = call.json === undefined ? call.body : JSON.stringify(call.json);
  return fetch(url, {
    method: operation.method.toUpperCase(),
    headers,
    ...(body !== undefined && { body }),
  });
}

function checkHeaders(where: string, response: Response, answer: Answer): void {
  for (const name of answer.headers ?? []) {
    if (!sometimes.has(name)) {
      expect(response.headers.get(name), `${where}: ${name}`).not.toBeNull();
    }
  }
  if (response.status === 429) {
    expect(response.headers.get('retry-after'), where).toMatch(/^\d+$/);
  }
}

async function readBody(
  where: string,
  response: Response,
  { content }: Answer,
  isHead: boolean,
): Promise<unknown> {
  const bytes = Buffer.from(await response.arrayBuffer());
  const type = (response.headers.get('content-type') ?? 'text/plain').split(';')[0] ?? '';
  if (content === undefined || isHead) {
    expect(bytes.length, `${where}: an empty body`).toBe(0);
    return undefined;
  }
  const described: Content | undefined = content[type] ?? content['*/*'];
  if (described === undefined) {
    throw new Error(`${where} is ${type}, which is not in the document: ${bytes}`);
  }
  if (content[type] === undefined) {
    return bytes;
  }
  const body: unknown =
    type === 'application/json' ? JSON.parse(bytes.toString()) : bytes.toString();
  const { error } = described.schema.safeParse(body);
  expect(error?.message, `${where}: ${bytes.toString().slice(0, 500)}`).toBeUndefined();
  return body;
}
