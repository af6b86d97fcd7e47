import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import { mediaClient } from './media-client.ts';
import { eventually, multipartBody, storedObjects } from './requests.ts';

/** What every object literal seems to have, `__proto__` among them. */
const names = Object.getOwnPropertyNames(Object.prototype);

// biome-ignore lint/suspicious/noExplicitAny: the served document, as it comes
type Any = any;

interface Sent {
  readonly what: string;
  readonly path: string;
  readonly init: RequestInit;
}

let app: Stowage;
const sent: Sent[] = [];

beforeAll(async () => {
  app = await startStowage();
  const document = (await (await app.fetch('/openapi.json')).json()) as Any;
  for (const [path, methods] of Object.entries<Any>(document.paths)) {
    for (const [method, operation] of Object.entries<Any>(methods)) {
      const shared = { document, path, method: method.toUpperCase(), operation };
      for (const name of names) {
        sent.push(...inParameters(shared, name), ...inBodies(shared, name));
      }
    }
  }
});
afterAll(() => app.stop());

interface Operation {
  readonly document: Any;
  readonly path: string;
  readonly method: string;
  readonly operation: Any;
}

/** The name in each parameter in turn, and as a parameter that there is not. */
function inParameters({ path, method, operation }: Operation, name: string): readonly Sent[] {
  const parameters: readonly Any[] = [...(operation.parameters ?? []), { in: 'query', name }];
  return parameters.map((parameter) => {
    const url = new URL(
      path.replace(/\{\w+\}/g, parameter.in === 'path' ? name : 'none'),
      'http://host',
    );
    if (parameter.in === 'query') {
      url.searchParams.set(parameter.name, name);
    }
    const headers: Record<string, string> =
      parameter.in === 'header' ? { [parameter.name]: name } : {};
    const what = `${method} ${path}, ${parameter.in} ${parameter.name}: ${name}`;
    return { what, path: url.pathname + url.search, init: { method, headers } };
  });
}

/** The name as each member of the body in turn, and as a member that there is not. */
function inBodies({ document, path, method, operation }: Operation, name: string): readonly Sent[] {
  const at = path.replace(/\{\w+\}/g, 'none');
  return Object.entries<Any>(operation.requestBody?.content ?? {}).flatMap(
    ([type, { schema, examples }]) => {
      const [example] = Object.values<Any>(examples ?? {});
      // The example's own url would be fetched.
      const known = { ...example?.value, ...(example?.value.url && { url: 'http://127.0.0.1/' }) };
      return [...membersOf(document, schema), name].flatMap((member) => {
        const what = `${method} ${path}, ${type} ${member}: ${name}`;
        return bodiesOf(type, { ...known }, member, name).map((init) => ({
          what,
          path: at,
          init: { method, ...init },
        }));
      });
    },
  );
}

function membersOf(document: Any, schema: Any): readonly string[] {
  const { properties = {}, anyOf = [] } = schema.$ref
    ? document.components.schemas[schema.$ref.split('/').at(-1)]
    : schema;
  return [
    ...new Set([
      ...Object.keys(properties),
      ...anyOf.flatMap((one: Any) => membersOf(document, one)),
    ]),
  ];
}

function bodiesOf(type: string, known: Any, member: string, name: string): readonly RequestInit[] {
  // As text: in a literal, `__proto__` would be no member.
  const rest = Object.entries(known).filter(([key]) => key !== member);
  if (type === 'application/json') {
    const json = (value: unknown) =>
      `{${[...rest, [member, value]].map((pair) => pair.map((it) => JSON.stringify(it)).join(':'))}}`;
    return [name, [name], { toString: name }].map((value) => ({
      body: json(value),
      headers: { 'content-type': type },
    }));
  }
  if (type === 'application/x-www-form-urlencoded') {
    const body = new URLSearchParams([...rest, [member, name]] as [string, string][]).toString();
    return [{ body, headers: { 'content-type': type } }];
  }
  if (type !== 'multipart/form-data') {
    return [{ body: 'x', headers: { 'content-type': name } }];
  }
  const field = (key: string, value: string) => ({
    headers: [`Content-Disposition: form-data; name="${key}"`],
    body: value,
  });
  const file = {
    headers: [
      `Content-Disposition: form-data; name="file"; filename="${name}"`,
      `Content-Type: ${name}`,
    ],
    body: `contents of ${name}`,
  };
  const parts = member === 'file' ? [file] : [field(member, name), file];
  return [
    {
      body: multipartBody(parts),
      headers: { 'content-type': 'multipart/form-data; boundary=frontier' },
    },
  ];
}

describe('names that every object has', () => {
  it('are ordinary values in every parameter and every member of every operation', async () => {
    expect(sent.length).toBeGreaterThan(1000);
    const odd: string[] = [];
    const waiting = sent.values();
    const send = async (): Promise<void> => {
      for (const { what, path, init } of waiting) {
        const response = await app.fetch(path, init);
        await response.arrayBuffer();
        if (response.status >= 500 && response.status !== 501) {
          odd.push(`${response.status} ${what}`);
        }
      }
    };
    await Promise.all(Array.from({ length: 8 }, send));
    expect(odd).toEqual([]);
    expect(
      app.log.filter((line) => line.includes('"level":"error"') || line.includes('"level":50')),
    ).toEqual([]);
  }, 120_000);

  it('are no media types, and never lift a limit', async () => {
    const client = mediaClient(app);
    for (const content_type of names) {
      const answer = await client.presign({ filename: 'a.jpg', content_type, size: 5 });
      expect([content_type, answer.status, answer.body.error.code]).toEqual([
        content_type,
        400,
        'validation_error',
      ]);
    }
  });

  it('leave nothing that cannot be listed and cancelled', async () => {
    const client = mediaClient(app);
    for (const status of ['uploading', 'failed', 'ready']) {
      for (;;) {
        const { status: answered, body } = await client.call(
          'GET',
          `/media?status=${status}&limit=100`,
        );
        expect(answered).toBe(200);
        if (body.data.media.length === 0) {
          break;
        }
        for (const { id } of body.data.media) {
          expect((await client.get(id)).status).toBe(200);
          expect((await client.call('DELETE', `/media/${id}`)).status).toBe(200);
        }
      }
    }
    await eventually(async () => expect(await storedObjects(app)).toEqual([]));
  });
});
