import { join } from 'node:path';
import { curl, type Stowage } from './harness.ts';

export interface CurlAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
}

/** What a shell script would do, and everything the server ever said to it. */
export interface CurlUser {
  /** All heads and texts so far, for a search of secrets. */
  readonly heard: readonly string[];
  call(path: string, ...args: readonly string[]): Promise<CurlAnswer>;
  upload(query: string, file: UploadedFile): Promise<string>;
  /** To a file, its status and headers to us. */
  download(path: string, to: string, ...args: readonly string[]): Promise<CurlAnswer>;
  range(path: string, range: string): Promise<{ readonly status: number; readonly bytes: Buffer }>;
}

export interface UploadedFile {
  readonly path: string;
  readonly type: string;
  readonly name?: string;
}

export function curlUser(stowage: Stowage, folder: string): CurlUser {
  const heard: string[] = [];
  const authorized = (path: string): readonly string[] => [
    ...['-H', `Authorization: Bearer ${stowage.adminToken}`],
    new URL(path, stowage.url).href,
  ];
  let calls = 0;

  const call = async (path: string, ...args: readonly string[]): Promise<CurlAnswer> => {
    const output = (await curl('-i', ...args, ...authorized(path))).toString();
    heard.push(output);
    return parse(output);
  };
  return {
    heard,
    call,
    async upload(query, { path, type, name }) {
      const answer = await call(
        `/upload?${query}`,
        '-F',
        `file=@${path};type=${type}${name === undefined ? '' : `;filename=${name}`}`,
      );
      if (answer.status !== 200) {
        throw new Error(`${answer.status}: ${answer.text}`);
      }
      return (JSON.parse(answer.text) as [{ src: string }])[0].src;
    },
    async download(path, to, ...args) {
      const head = (await curl('-D', '-', '-o', to, ...args, ...authorized(path))).toString();
      heard.push(head);
      return parse(head);
    },
    async range(path, range) {
      calls += 1;
      const to = join(folder, `range-${calls}`);
      const output = await curl('-r', range, '-o', to, '-w', '%{http_code}', ...authorized(path));
      const { readFile, rm } = await import('node:fs/promises');
      const bytes = await readFile(to).catch(() => Buffer.alloc(0));
      await rm(to, { force: true });
      return { status: Number(output.toString()), bytes };
    },
  };
}

/** The last answer: `100 Continue` and redirects come before it. */
function parse(output: string): CurlAnswer {
  let rest = output;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    const head = end < 0 ? rest : rest.slice(0, end);
    const body = end < 0 ? '' : rest.slice(end + 4);
    const [first = '', ...lines] = head.split('\r\n');
    const status = Number(first.split(' ')[1]);
    if ((status < 200 || (status >= 300 && status < 400 && /^HTTP\//.test(body))) && body !== '') {
      rest = body;
      continue;
    }
    const headers = new Map(
      lines.map(
        (line) =>
          [
            line.slice(0, line.indexOf(':')).toLowerCase(),
            line.slice(line.indexOf(':') + 1).trim(),
          ] as const,
      ),
    );
    return { status, headers, text: body };
  }
}
