import { setTimeout as delay } from 'node:timers/promises';
import { openRaw, type RawConnection } from './raw-client.ts';
import { fieldPart, filePart, multipartBody } from './requests.ts';

/**
 * What one address does to a server until it is stopped. A program of its own: the caller whose
 * answers are timed must not wait for it.
 */
interface Flood {
  readonly url: string;
  readonly token: string;
  /** Paths of stored files. */
  readonly small: string;
  readonly large: string;
}

const KiB = 1024;
const sliceBytes = 1024 * KiB;
const sliceMs = 40;
const floods: Readonly<Record<string, (flood: Flood) => Promise<void>>> = {
  pipelined: async (flood) => {
    const connections = await open(flood, 40);
    for (const { write } of connections) {
      write(get(flood.large).repeat(500));
    }
  },
  'pipelined and read': (flood) => again(flood, 10, get('/healthz').repeat(100), 100),
  'slow heads': async (flood) => {
    const connections = await open(flood, 200);
    for (;;) {
      for (const { write } of connections) {
        write('G');
      }
      await delay(100);
    }
  },
  'slow bodies': async (flood) => {
    const connections = await open(flood, 200);
    for (const { write } of connections) {
      write(post(flood, Buffer.alloc(100_000)).subarray(0, 1000));
    }
    for (;;) {
      for (const { write } of connections) {
        write('x');
      }
      await delay(100);
    }
  },
  'silent readers': async (flood) => {
    const connections = await open(flood, 100);
    for (const { write } of connections) {
      write(get(flood.large));
    }
  },
  'small reads': (flood) => again(flood, 20, get(flood.small), 1),
  'small bodies': (flood) => again(flood, 10, post(flood, multipartBody([filePart('hello')])), 1),
  'small bodies of a stranger': (flood) =>
    again(flood, 20, post({ ...flood, token: 'wrong' }, multipartBody([filePart('hello')])), 1),
  'large bodies': (flood) =>
    again(flood, 4, post(flood, multipartBody([filePart(Buffer.alloc(8192 * KiB, 'x'))])), 1),
  'large fields': (flood) => again(flood, 4, post(flood, largeForm()), 1),
  'new connections': async (flood) => {
    const reconnect = async (): Promise<void> => {
      for (;;) {
        const [connection] = await open(flood, 1);
        connection?.write(get('/healthz'));
        await connection?.answers(1);
        connection?.close();
      }
    };
    await Promise.all(Array.from({ length: 8 }, reconnect));
  },
};

function open({ url }: Flood, count: number): Promise<readonly RawConnection[]> {
  return Promise.all(Array.from({ length: count }, () => openRaw(url)));
}

/** Asks again and again, about as fast as a line of 1 Gbit/s allows. */
async function again(
  flood: Flood,
  count: number,
  requests: string | Buffer,
  answers: number,
): Promise<void> {
  const connections = await open(flood, count);
  const loop = async (connection: RawConnection): Promise<void> => {
    let isOpen = true;
    while (isOpen) {
      for (let at = 0; at < requests.length; at += sliceBytes) {
        if (at > 0) {
          await delay(sliceMs);
        }
        connection.write(requests.slice(at, at + sliceBytes));
      }
      isOpen = (await connection.answers(answers)).length === answers;
    }
  };
  await Promise.all(connections.map(loop));
}

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: gate.example\r\n\r\n`;
}

function post({ token }: Flood, body: Buffer): Buffer {
  const head = [
    'POST /upload HTTP/1.1',
    'Host: gate.example',
    `Authorization: Bearer ${token}`,
    'Content-Type: multipart/form-data; boundary=frontier',
    `Content-Length: ${body.length}`,
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]);
}

function largeForm(): Buffer {
  const fields = Array.from({ length: 98 }, (_, at) =>
    fieldPart(`field${at}`, 'x'.repeat(64 * KiB)),
  );
  return multipartBody([...fields, filePart('hello')]);
}

const [, , kind = '', flood = ''] = process.argv;
const run = floods[kind];
if (run === undefined) {
  throw new Error(`No such flood: ${kind}`);
}
process.stdout.write('begun\n');
await run(JSON.parse(flood) as Flood);
// What is open stays open.
await delay(2 ** 31 - 1);
