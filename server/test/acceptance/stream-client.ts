import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';

/** Bytes that nobody can compress, sent again and again. */
const noise = randomFillSync(Buffer.alloc(256 * 1024));
const boundary = 'stowage-stream-boundary';

export interface Sending {
  readonly url: string;
  readonly method: 'PUT' | 'POST';
  readonly sizeBytes: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** As the only file of a form. */
  readonly asForm?: boolean;
}

/**
 * Sends a file that exists nowhere, as fast as the server takes it; answers the body of a 200 and
 * throws any other.
 */
export async function send({
  url,
  method,
  sizeBytes,
  headers = {},
  asForm = false,
}: Sending): Promise<string> {
  const disposition = 'Content-Disposition: form-data; name="file"; filename="large.mp4"';
  const head = asForm ? `--${boundary}\r\n${disposition}\r\nContent-Type: video/mp4\r\n\r\n` : '';
  const tail = asForm ? `\r\n--${boundary}--\r\n` : '';
  const contentType = asForm ? `multipart/form-data; boundary=${boundary}` : 'video/mp4';
  const length = String(head.length + sizeBytes + tail.length);
  const outgoing = request(url, {
    method,
    headers: { ...headers, 'content-type': contentType, 'content-length': length },
  });
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
  answered.catch(() => undefined);
  outgoing.write(head);
  for (let left = sizeBytes; left > 0; left -= noise.length) {
    await write(outgoing, noise.subarray(0, Math.min(left, noise.length)));
  }
  outgoing.end(tail);
  const [response] = await answered;
  const body = await text(response);
  if (response.statusCode !== 200) {
    throw new Error(`${method} ${url}: ${response.statusCode} ${body}`);
  }
  return body;
}

async function write(outgoing: ClientRequest, bytes: Uint8Array): Promise<void> {
  if (!outgoing.write(bytes)) {
    await once(outgoing, 'drain');
  }
}

export interface Receiving {
  /** Pause after every chunk; absent means as fast as it comes. */
  readonly pauseMs?: number;
  /** Leaves after so many bytes. */
  readonly atMostBytes?: number;
}

/** Reads a body without keeping it; answers how many bytes came. */
export async function receive(
  url: string,
  { pauseMs, atMostBytes = Number.POSITIVE_INFINITY }: Receiving = {},
): Promise<number> {
  const outgoing = request(url);
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) {
    throw new Error(`GET ${url}: ${response.statusCode}`);
  }
  let bytes = 0;
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length;
    if (bytes >= atMostBytes) {
      break;
    }
    if (pauseMs !== undefined) {
      await delay(pauseMs);
    }
  }
  return bytes;
}
