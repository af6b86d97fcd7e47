import { describe, expect, it } from 'vitest';
import { errorCodes } from '../../core/errors.ts';
import { apis } from '../apis.ts';
import { failed } from '../failure.ts';
import { readUploadRequest } from '../media/upload-request.ts';
import { readDirectCommit, readDirectRequest } from '../upload/huggingface/wire.ts';
import { openApiDocument } from './document.ts';
import type { Content } from './operation.ts';
import { operationsOf } from './operations.ts';
import { tags } from './tags.ts';

const operations = operationsOf(apis);
const document = openApiDocument(apis);

interface Place {
  readonly where: string;
  readonly content: Content;
}

const bodies: readonly Place[] = operations.flatMap(({ id, body, answers }) => [
  ...Object.entries(body?.content ?? {}).map(([type, content]) => ({
    where: `${id} request ${type}`,
    content,
  })),
  ...Object.entries(answers).flatMap(([status, answer]) =>
    Object.entries(answer.content ?? {}).map(([type, content]) => ({
      where: `${id} ${status} ${type}`,
      content,
    })),
  ),
]);

describe('the OpenAPI document', () => {
  it('names every operation once, with tags that are described', () => {
    const ids = operations.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const known = new Set<string>(tags.map(({ name }) => name));
    expect(operations.filter(({ tag }) => !known.has(tag))).toEqual([]);
    expect(tags.filter(({ name }) => !operations.some(({ tag }) => tag === name))).toEqual([]);
  });

  it('describes exactly the parameters in its paths', () => {
    for (const { id, path, parameters } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect(Object.keys(parameters?.path?.shape ?? {}), id).toEqual(inPath);
    }
  });

  it('resolves every reference', () => {
    const text = JSON.stringify(document);
    for (const [, section = '', name = ''] of text.matchAll(
      /"\$ref":"#\/components\/([^/"]+)\/([^"]+)"/g,
    )) {
      expect(document.components[section], `${section}/${name}`).toHaveProperty([name]);
    }
    expect(text).not.toContain('"$defs"');
  });

  it.each(bodies.filter(({ content }) => content.examples !== undefined))(
    'has examples that are right: $where',
    ({ content }) => {
      for (const [name, { value }] of Object.entries(content.examples ?? {})) {
        const { error } = content.schema.safeParse(value);
        expect(error?.message, name).toBeUndefined();
      }
    },
  );

  it('shows every failure that can arise, by its code', () => {
    // 416 has no body.
    const shown = new Set<string>(['range_not_satisfiable']);
    for (const { content } of bodies) {
      for (const name of Object.keys(content.examples ?? {})) {
        shown.add(name.split('.')[0] ?? '');
      }
    }
    expect(errorCodes.filter((code) => !shown.has(code))).toEqual([]);
  });

  it('tells the failures of a route apart by name', () => {
    for (const { id, failures = [] } of apis.flatMap(({ routes }) => routes)) {
      const names = failures.map((failure) => {
        const { code, as } =
          typeof failure === 'string'
            ? { code: failure, as: '' }
            : { code: failed(failure).code, ...failure };
        return `${code}.${as ?? ''}`;
      });
      expect(
        names.filter((name, at) => names.indexOf(name) !== at),
        id,
      ).toEqual([]);
    }
  });

  it('says the same wherever a failure of the Media API is shown', () => {
    for (const { where, content } of bodies) {
      for (const [name, { value }] of Object.entries(content.examples ?? {})) {
        const code = (value as { error?: { code?: string } } | null)?.error?.code;
        if (code !== undefined) {
          expect(code, where).toBe(
            (name.split('.')[0] ?? '')
              .replace('too_large', 'file_too_large')
              .replace('import_in_progress', 'conflict'),
          );
        }
      }
    }
  });
});

describe('requests of the document', () => {
  const settings = {
    maxBytesOf: { image: 2e7, video: 5e8, document: 2e7 },
    requireSize: true,
  } as Parameters<typeof readUploadRequest>[1];
  const readers: Readonly<Record<string, (body: Readonly<Record<string, unknown>>) => unknown>> = {
    uploadMedia: (body) => readUploadRequest(body, settings),
    getHuggingFaceUploadUrl: readDirectRequest,
    commitHuggingFaceUpload: readDirectCommit,
  };

  it.each(Object.entries(readers))(
    'are what the server reads, and demand what it demands: %s',
    (id, read) => {
      const content = operations.find((operation) => operation.id === id)?.body?.content[
        'application/json'
      ];
      for (const { value } of Object.values(content?.examples ?? {})) {
        const example = value as Readonly<Record<string, unknown>>;
        expect(() => read(example)).not.toThrow();
        for (const name of Object.keys(example)) {
          const { [name]: _left, ...rest } = example;
          const refused = content?.schema.safeParse(rest).success === false;
          if (refused) {
            expect(() => read(rest), `without ${name}`).toThrow();
          } else {
            expect(() => read(rest), `without ${name}`).not.toThrow();
          }
        }
      }
    },
  );
});
