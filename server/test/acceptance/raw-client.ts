import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/**
 * A connection on which a test decides about every byte. Nothing is read before `read` or
 * `answers`.
 */
export interface RawConnection {
  readonly socket: Socket;
  write(bytes: string | Uint8Array): void;
  /** The next answers, in order; fewer when the connection ends before. */
  answers(count: number): Promise<readonly RawAnswer[]>;
  /** All that is still to come until the server closes. */
  toTheEnd(): Promise<{
    readonly answers: readonly RawAnswer[];
    readonly error: string | undefined;
  }>;
  close(): void;
}

export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

export async function openRaw(url: string, localAddress?: string): Promise<RawConnection> {
  const { hostname, port } = new URL(url);
  const socket = connect({
    port: Number(port),
    host: hostname,
    allowHalfOpen: true,
    ...(localAddress && { localAddress }),
  });
  await once(socket, 'connect');
  let unread = Buffer.alloc(0);
  let error: string | undefined;
  socket.on('error', (cause: NodeJS.ErrnoException) => {
    error = cause.code ?? cause.message;
  });
  let wake = (): void => undefined;
  for (const event of ['readable', 'end', 'close']) {
    socket.on(event, () => wake());
  }

  /** False at the end. */
  async function more(): Promise<boolean> {
    for (;;) {
      const bytes = socket.read() as Buffer | null;
      if (bytes !== null) {
        unread = Buffer.concat([unread, bytes]);
        return true;
      }
      if (socket.readableEnded || socket.destroyed) {
        return false;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  async function answer(): Promise<RawAnswer | undefined> {
    for (;;) {
      const found = takeAnswer(unread);
      if (found !== undefined) {
        unread = unread.subarray(found.length);
        return found.answer;
      }
      if (!(await more())) {
        return undefined;
      }
    }
  }

  async function answers(count: number): Promise<RawAnswer[]> {
    const found: RawAnswer[] = [];
    while (found.length < count) {
      const next = await answer();
      if (next === undefined) {
        break;
      }
      found.push(next);
    }
    return found;
  }

  return {
    socket,
    write: (bytes) => void socket.write(bytes),
    answers,
    async toTheEnd() {
      const found = await answers(Number.POSITIVE_INFINITY);
      socket.destroy();
      return { answers: found, error };
    },
    close: () => void socket.destroy(),
  };
}

function takeAnswer(
  bytes: Buffer,
): { readonly answer: RawAnswer; readonly length: number } | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) {
    return undefined;
  }
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]);
  if (Number.isNaN(status)) {
    throw new Error(`Not an answer: ${first.slice(0, 80)}`);
  }
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  const isEmpty = status < 200 || status === 204 || status === 304;
  const length = isEmpty ? 0 : Number(headers.get('content-length'));
  if (Number.isNaN(length)) {
    throw new Error(`An answer without a length: ${first}`);
  }
  const start = end + 4;
  if (bytes.length < start + length) {
    return undefined;
  }
  return {
    answer: { status, headers, body: bytes.subarray(start, start + length) },
    length: start + length,
  };
}
