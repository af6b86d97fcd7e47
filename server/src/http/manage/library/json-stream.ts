import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';

/** Sends JSON as its text is made. A reader that goes away ends the work. */
export function sendJsonStream(reply: FastifyReply, text: AsyncIterable<string>): FastifyReply {
  return reply
    .header('content-type', 'application/json; charset=utf-8')
    .send(Readable.from(text, { objectMode: false }));
}

/** The members of a JSON array. */
export async function* jsonItems(items: AsyncIterable<unknown>): AsyncGenerator<string> {
  let separator = '';
  for await (const item of items) {
    yield separator + JSON.stringify(item);
    separator = ',';
  }
}
