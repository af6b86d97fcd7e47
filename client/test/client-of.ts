import { afterEach } from 'vitest';
import { createClient } from '../src/index.ts';
import { type Handler, type Reply, type Seen, startFakeServer } from './fake-server.ts';

const running: { close(): void }[] = [];
afterEach(() => {
  for (const server of running.splice(0)) {
    server.close();
  }
});

/** A client of a server that answers what the handler says; the server ends with the test. */
export async function clientOf(
  handler: Handler,
  options: { token?: string; authCode?: string; attempts?: number } = { token: 't' },
) {
  const server = await startFakeServer(handler);
  running.push(server);
  return { client: createClient({ baseUrl: server.baseUrl, ...options }), baseUrl: server.baseUrl };
}

/** Answers the replies in turn, the last one for ever. */
export function inTurn(...replies: readonly Reply[]) {
  const seen: Seen[] = [];
  const handler = async (one: Seen) => {
    await one.bytes();
    seen.push(one);
    return replies[Math.min(seen.length, replies.length) - 1] ?? {};
  };
  return { handler, seen };
}
