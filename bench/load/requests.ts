import { randomBytes } from 'node:crypto';

/** Requests that callers send in turn, over connections that they keep. */
export interface Load {
  /** The server: `http://host:port`. */
  readonly base: string;
  readonly requests: readonly LoadRequest[];
}

export interface LoadRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Buffer | string | undefined;
}

/** In a path or a body: is replaced by text as long that is different in each request. */
export const UNIQUE = '@'.repeat(24);

/** Noise that begins with `UNIQUE`, so that no two bodies are alike. */
export function uniqueNoise(bytes: number): Buffer {
  return Buffer.concat([Buffer.from(UNIQUE), randomBytes(bytes - UNIQUE.length)]);
}

export function renderRequest(request: LoadRequest, host: string): Buffer {
  const { method, path, headers = {}, body = '' } = request;
  const bytes = Buffer.from(body as string);
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${host}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(method === 'GET' ? [] : [`Content-Length: ${bytes.length}`]),
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), bytes]);
}

const BOUNDARY = '------------------------stowagebench';

/** A multipart form with this one file. */
export function formOf(file: Buffer): Pick<LoadRequest, 'headers' | 'body'> {
  const head = [
    `--${BOUNDARY}`,
    'Content-Disposition: form-data; name="file"; filename="small.bin"',
    'Content-Type: application/octet-stream',
  ];
  return {
    headers: { 'Content-Type': `multipart/form-data; boundary=${BOUNDARY}` },
    body: Buffer.concat([
      Buffer.from(`${head.join('\r\n')}\r\n\r\n`),
      file,
      Buffer.from(`\r\n--${BOUNDARY}--\r\n`),
    ]),
  };
}
