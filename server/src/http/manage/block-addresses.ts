import { z } from 'zod';
import { readAll } from '../../core/streams/peek.ts';
import { plainAddress } from '../address/plain-address.ts';
import { bodyOf } from '../body/request-body.ts';
import type { Dialect } from '../dialect.ts';
import { failed } from '../failure.ts';
import { named } from '../openapi/named.ts';
import { type Context, type RouteContents, route } from '../route.ts';

const maxBytes = 1024;
const idleMs = 30_000;

const address = named('Address', () =>
  z.string().meta({ description: 'An IPv4 or IPv6 address.', example: '192.0.2.7' }),
);
const sentence = named('Sentence', () => z.string());

const plain = (schema: typeof sentence, value: string): RouteContents => ({
  'text/plain': { schema, examples: { one: { value } } },
});

const noAddress = { code: 'bad_request', as: 'no_address', message: 'Please input ip' } as const;

/** Upload API 4.6: sentences, where the other routes have JSON. */
const textDialect: Dialect = { render: ({ message }) => ({ body: `Error: ${message}` }) };

const blockedNow = 'Add ip to block list successfully';
const freeNow = 'delete ip from block ip list successfully';
const request = { body: { required: true, content: plain(address, '192.0.2.7') } };
const failures = [noAddress, { code: 'too_large', details: { maxBytes } }] as const;

/** Upload API 4.6. */
export const listBlocked = route({
  id: 'listBlockedAddresses',
  method: 'GET',
  path: '/api/manage/cusConfig/blockipList',
  permission: 'manage',
  tag: 'Management',
  summary: 'Addresses that may not upload',
  answers: {
    200: {
      description: 'Separated by commas.',
      content: plain(sentence, '192.0.2.7,2001:db8::7'),
    },
  },
  async handler({ reply, deps }) {
    const blocked = await deps.metadata.addresses.blocked();
    return reply.type('text/plain;charset=UTF-8').send(blocked.join(','));
  },
});

export const blockAddress = route({
  id: 'blockAddress',
  method: 'POST',
  path: '/api/manage/cusConfig/blockip',
  permission: 'manage',
  tag: 'Management',
  summary: 'Let an address upload nothing',
  description:
    'Counts for the Upload API from the next request on, whatever credentials come with it. Files from there stay.',
  request,
  answers: { 200: { description: 'It is blocked.', content: plain(sentence, blockedNow) } },
  dialect: textDialect,
  failures,
  async handler(context) {
    const { reply, deps } = context;
    const sent = plainAddress(await readText(context));
    if (sent === undefined) {
      throw failed(noAddress);
    }
    await deps.metadata.addresses.block(sent, deps.now());
    return reply.type('text/plain;charset=UTF-8').send(blockedNow);
  },
});

export const unblockAddress = route({
  id: 'unblockAddress',
  method: 'POST',
  path: '/api/manage/cusConfig/whiteip',
  permission: 'manage',
  tag: 'Management',
  summary: 'Let an address upload again',
  description: 'A success also for an address that is not blocked.',
  request,
  answers: { 200: { description: 'It is not blocked.', content: plain(sentence, freeNow) } },
  dialect: textDialect,
  failures,
  async handler(context) {
    const { reply, deps } = context;
    const sent = await readText(context);
    if (sent === '') {
      throw failed(noAddress);
    }
    await deps.metadata.addresses.unblock(plainAddress(sent) ?? sent);
    return reply.type('text/plain;charset=UTF-8').send(freeNow);
  },
});

async function readText({ request: { raw } }: Context): Promise<string> {
  return (await readAll(bodyOf(raw, { maxBytes, idleMs }))).toString('utf8').trim();
}
