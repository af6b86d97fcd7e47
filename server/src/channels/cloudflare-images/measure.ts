import type { ByteRange } from '../../core/bytes.ts';
import type { HttpResponse } from '../../outbound/http-client.ts';

/** What is stored, by the word of the store. */
export interface Measure {
  readonly size: number;
  readonly contentType: string | undefined;
}

/**
 * Asks for the first byte: `Content-Range` or `Content-Length` holds the size. A response with
 * neither is counted to its end, which is 10 MB at most.
 */
export async function measureBlob(
  open: (range: ByteRange) => Promise<HttpResponse>,
): Promise<Measure> {
  const response = await open({ start: 0, end: 0 });
  const contentType = response.header('content-type');
  const told = toldSize(response);
  if (told === undefined) {
    return { size: await count(response), contentType };
  }
  // Reads the byte; a server that sends the whole image instead is cut off.
  await response.discard();
  return { size: told, contentType };
}

/** Size of the whole object; undefined when the answer does not tell. */
export function toldSize(response: HttpResponse): number | undefined {
  const ofRange = () => /\/(\d+)$/.exec(response.header('content-range') ?? '')?.[1];
  const told = response.status === 206 ? ofRange() : response.header('content-length');
  return told === undefined ? undefined : Number(told);
}

async function count(response: HttpResponse): Promise<number> {
  let size = 0;
  for await (const chunk of response.stream) {
    size += chunk.length;
  }
  return size;
}
