import { existsSync, globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8');

const documents: Readonly<Record<string, string>> = {
  Upload: read('docs/apis/upload-api.md'),
  Media: read('docs/apis/media-api.md'),
};

const headingsIn = (text: string): readonly string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => title);

/** `## 2. Chunked upload` is chapter 2, `### 2.1 Model` chapter 2.1. */
const chaptersIn = (text: string): readonly string[] =>
  headingsIn(text).flatMap((title) => /^(\d+(?:\.\d+)?)\.? /.exec(title)?.[1] ?? []);

describe('chapters of the APIs that sources cite', () => {
  const citation = /\b(Upload|Media) API (\d+(?:\.\d+)?(?:(?:, | and )\d+\.\d+)*)/g;
  const sources = globSync('{server,client,bench}/**/*.{ts,js}', {
    cwd: root,
    exclude: ['**/node_modules/**', '**/dist/**'],
  });
  const cited = new Set(
    sources.flatMap((path) =>
      [...read(path).matchAll(citation)].flatMap(([, api = '', numbers = '']) =>
        numbers.split(/, | and /).map((number) => `${api} API ${number}`),
      ),
    ),
  );
  const written = Object.entries(documents).flatMap(([api, text]) =>
    chaptersIn(text).map((number) => `${api} API ${number}`),
  );

  it('are in docs/apis', () => {
    expect(cited.size).toBeGreaterThan(30);
    expect([...cited].filter((chapter) => !written.includes(chapter))).toEqual([]);
  });

  it('are there once', () => {
    expect(written).toEqual([...new Set(written)]);
  });
});

describe.each(Object.entries(documents))('the document of the %s API', (_, text) => {
  const anchorsIn = (page: string) =>
    headingsIn(page).map((title) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\- ]/gu, '')
        .replaceAll(' ', '-'),
    );
  const links = [...text.matchAll(/\]\((?!https?:)([^)#]*)#?([^)]*)\)/g)].map(
    ([, path = '', anchor = '']) => ({ path, anchor }),
  );

  it('links to what is there', () => {
    expect(links.length).toBeGreaterThan(15);
    const dead = links.filter(({ path, anchor }) => {
      if (path !== '' && !existsSync(`${root}docs/apis/${path}`)) {
        return true;
      }
      return (
        anchor !== '' && !anchorsIn(path === '' ? text : read(`docs/apis/${path}`)).includes(anchor)
      );
    });
    expect(dead).toEqual([]);
  });
});

interface Failure {
  readonly where: string;
  readonly tag: string | undefined;
  readonly status: string;
  readonly value: unknown;
}

interface Described {
  readonly tags?: readonly string[];
  readonly responses?: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, Content>> }>
  >;
}
type Content = { readonly examples?: Readonly<Record<string, { readonly value: unknown }>> };

/**
 * Every example of a failure in the OpenAPI document, which is made of the server's own table and
 * renderers.
 */
const failures: readonly Failure[] = Object.entries(
  (JSON.parse(read('docs/openapi.json')) as { paths: Record<string, Record<string, Described>> })
    .paths,
).flatMap(([path, operations]) =>
  Object.entries(operations).flatMap(([method, { tags, responses = {} }]) =>
    Object.entries(responses)
      .filter(([status]) => status === 'default' || Number(status) >= 400)
      .flatMap(([status, { content = {} }]) =>
        Object.values(content)
          .flatMap(({ examples = {} }) => Object.values(examples))
          .map(({ value }) => ({ where: `${method} ${path}`, tag: tags?.[0], status, value })),
      ),
  ),
);

/** The cells of table rows that begin with a status and a text in backticks. */
const rowsOf = (text: string) =>
  [...text.matchAll(/^\| (\d{3}) +\| `(.+?)`( \*)? +\| (.*?) +\|$/gm)].map(
    ([, status = '', name = '', more, rest = '']) => ({
      ...{ status, name, rest },
      alsoElsewhere: more !== undefined,
    }),
  );

describe('the tables of errors', () => {
  it('hold every code of the Media API', () => {
    const rows = rowsOf(documents.Media ?? '');
    const isListed = (status: string, { code, retryable }: { code: string; retryable: boolean }) =>
      rows.some(
        (row) =>
          row.name === code &&
          row.rest.startsWith(retryable ? 'yes ' : 'no ') &&
          (status === 'default' ||
            row.status === status ||
            (row.alsoElsewhere && row.rest.includes(`${status}`))),
      );
    const said = failures
      .filter(({ tag }) => ['Media', 'Account', 'Upload URL'].includes(tag ?? ''))
      .map(({ status, value, where }) => ({
        where,
        status,
        error: (value as { error: { code: string; retryable: boolean } }).error,
      }));
    expect(said.length).toBeGreaterThan(150);
    expect(
      said.flatMap(({ where, status, error }) =>
        isListed(status, error) ? [] : `${where}: ${status} ${error.code}`,
      ),
    ).toEqual([]);
    expect(rows.map(({ name }) => name)).toEqual([...new Set(rows.map(({ name }) => name))]);
  });

  it.each([
    ['Upload', 40],
    ['Files', 8],
  ])('hold every text of the Upload API (%s)', (wanted, count) => {
    const rows = rowsOf(documents.Upload ?? '').map(({ status, name }) => ({
      status,
      // `<name>` stands for what varies.
      text: new RegExp(
        `^${name
          .split(/<[^>]+>/)
          .map((part) => RegExp.escape(part))
          .join('.+')}`,
        's',
      ),
    }));
    const texts = failures.filter(({ tag, value }) => tag === wanted && typeof value === 'string');
    expect(texts.length).toBeGreaterThanOrEqual(count);
    const isListed = ({ status, value }: Failure) =>
      rows.some((row) => row.status === status && row.text.test(value as string));
    expect(
      texts
        .filter((failure) => !isListed(failure))
        .map(({ where, status, value }) => `${where}: ${status} ${value}`),
    ).toEqual([]);
  });
});
