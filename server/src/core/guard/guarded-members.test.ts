import { expect, it } from 'vitest';
import type { Channel, DirectUpload, Multipart, Presign } from '../channel.ts';
import { guardChannel } from './channel-guard.ts';
import { createCircuitBreaker } from './circuit-breaker.ts';

type Passage = 'guarded' | 'as it is';
/** Every member of a contract: a new one that is not listed does not compile. */
type Members<T> = Readonly<Record<keyof T, Passage>>;

const ofChannel: Members<Channel> = {
  limits: 'as it is',
  remote: 'as it is',
  put: 'guarded',
  get: 'guarded',
  delete: 'guarded',
  check: 'guarded',
  notice: 'as it is',
  inspect: 'as it is',
  locate: 'as it is',
  settle: 'as it is',
  unsettled: 'as it is',
  file: 'as it is',
  size: 'as it is',
  rows: 'as it is',
  list: 'as it is',
  place: 'as it is',
  multipart: 'guarded',
  presign: 'guarded',
  direct: 'guarded',
  url: 'as it is',
  close: 'as it is',
};
const ofMultipart: Members<Multipart> = {
  limits: 'as it is',
  start: 'guarded',
  part: 'guarded',
  finish: 'guarded',
  abort: 'guarded',
};
const ofPresign: Members<Presign> = {
  onRequest: 'as it is',
  accepts: 'as it is',
  start: 'guarded',
  head: 'guarded',
  finish: 'guarded',
  abort: 'guarded',
};
const ofDirect: Members<DirectUpload> = {
  repo: 'as it is',
  isPrivate: 'as it is',
  start: 'guarded',
  completeMultipart: 'guarded',
  commit: 'guarded',
};
const optional = {
  presign: ['onRequest', 'accepts', 'finish'],
  channel: Object.keys(ofChannel).slice(Object.keys(ofChannel).indexOf('notice')),
};

/** An object with every member of a contract but those left out. */
function all<T>(members: Members<T>, leftOut: readonly string[] = []): T {
  const names = Object.keys(members).filter((name) => !leftOut.includes(name));
  return Object.fromEntries(names.map((name) => [name, () => name])) as T;
}

function guard(channel: Channel): Channel {
  return guardChannel(
    { ...channel, limits: {} },
    {
      callTimeoutMs: 1000,
      idleTimeoutMs: 1000,
      maxConcurrent: 1,
      breaker: createCircuitBreaker({ threshold: 1, openMs: 1, now: Date.now }),
    },
  );
}

function passages<T extends object>(before: T, after: T | undefined): Record<string, Passage> {
  const entries = Object.entries(after ?? {}).map(([name, value]): [string, Passage] => [
    name,
    value === before[name as keyof T] ? 'as it is' : 'guarded',
  ]);
  return Object.fromEntries(entries);
}

it('every ability of the contract passes the guard', () => {
  const multipart = all<Multipart>(ofMultipart);
  const presign = all<Presign>(ofPresign);
  const direct = all<DirectUpload>(ofDirect);
  const channel: Channel = { ...all<Channel>(ofChannel), multipart, presign, direct };
  const guarded = guard(channel);
  expect(passages(channel, { ...guarded, limits: channel.limits })).toEqual(ofChannel);
  expect(passages(multipart, guarded.multipart)).toEqual(ofMultipart);
  expect(passages(presign, guarded.presign)).toEqual(ofPresign);
  expect(passages(direct, guarded.direct)).toEqual(ofDirect);
});

it('an ability that the channel lacks is none behind the guard', () => {
  const bare = all<Channel>(ofChannel, optional.channel);
  expect(Object.keys(guard(bare))).toEqual(['limits', 'remote', 'put', 'get', 'delete', 'check']);
  const presign = all<Presign>(ofPresign, optional.presign);
  expect(Object.keys(guard({ ...bare, presign }).presign ?? {})).toEqual([
    'start',
    'head',
    'abort',
  ]);
});
