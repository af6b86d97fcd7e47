import { expect, it } from 'vitest';
import { listeningAddress, ownAddress } from './own-address.ts';

it.each([
  ['127.0.0.1', 'http://127.0.0.1:80', 'http://127.0.0.1:80'],
  ['localhost', 'http://localhost:80', 'http://localhost:80'],
  ['192.168.1.5', 'http://192.168.1.5:80', 'http://192.168.1.5:80'],
  ['0.0.0.0', 'http://0.0.0.0:80', 'http://127.0.0.1:80'],
  ['0', 'http://0:80', 'http://127.0.0.1:80'],
  ['::', 'http://[::]:80', 'http://[::1]:80'],
  ['[::]', 'http://[::]:80', 'http://[::1]:80'],
  ['::1', 'http://[::1]:80', 'http://[::1]:80'],
  ['fe80::1', 'http://[fe80::1]:80', 'http://[fe80::1]:80'],
])('HOST=%s listens at %s and is reached at %s', (host, listening, own) => {
  expect([listeningAddress({ host }, 80), ownAddress({ host }, 80)]).toEqual([listening, own]);
});
