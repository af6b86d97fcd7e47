import { once } from 'node:events';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isStowageError } from '../../core/errors.ts';
import { createTurns } from '../connections/turns.ts';
import { type HeldText, holdText } from './held-text.ts';

const MiB = 2 ** 20;
const arrived: { readonly held: HeldText; readonly response: ServerResponse }[] = [];
const turns = createTurns(
  (request: IncomingMessage, response) => void arrived.push({ held: holdText(request), response }),
  {
    maxWaiting: 16,
    maxWaitingInAll: 100,
  },
);
const server = createServer(turns.take).on('connection', (socket: Socket) => turns.watch(socket));

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterAll(() => void server.close());

async function ask(): Promise<(typeof arrived)[number]> {
  const came = once(server, 'request');
  httpRequest({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' }, (response) =>
    response.resume(),
  ).end();
  await came;
  const last = arrived.at(-1);
  if (last === undefined) {
    throw new Error('Nothing arrived.');
  }
  return last;
}

function addingFails(held: HeldText, bytes: number): boolean {
  try {
    held.add(bytes);
    return false;
  } catch (error) {
    expect(isStowageError(error, 'service_unavailable') && error.retryAfterMs).toBeGreaterThan(0);
    return true;
  }
}

it('lets one alone have what a form can bring, shares it among many, and gives it back with the answer', async () => {
  const first = await ask();
  expect(addingFails(first.held, 7 * MiB)).toBe(false);

  const others = [];
  for (let times = 0; times < 15; times++) {
    others.push(await ask());
  }
  expect(others.map(({ held }) => addingFails(held, MiB / 4))).toEqual(others.map(() => false));
  // 16 share 8 MiB.
  expect(others.map(({ held }) => addingFails(held, MiB))).toEqual(others.map(() => true));
  expect(addingFails(first.held, 1)).toBe(true);
  // The free allowance of a request takes no share of the budget.
  expect(addingFails((await ask()).held, 64 * 1024)).toBe(false);

  for (const { response } of others) {
    response.end();
    await once(response, 'close');
  }
  expect(addingFails(first.held, MiB / 2)).toBe(false);
  first.response.end();
});
