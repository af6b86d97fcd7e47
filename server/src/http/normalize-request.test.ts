import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { normalizeRequest } from './normalize-request.ts';

function request(url: string, headers: Record<string, string> = {}): IncomingMessage {
  return { url, headers: { host: 'own.example', ...headers } } as unknown as IncomingMessage;
}

describe('normalizeRequest', () => {
  it.each([
    ['/', '/'],
    ['/file/a.jpg?x=%41#b', '/file/a.jpg?x=%41'],
    ['/file/a.jpg?u=http://x//y', '/file/a.jpg?u=http://x//y'],
    ['//file/a.jpg', '/file/a.jpg'],
    ['///upload?a=b', '/upload?a=b'],
    ['//evil.example/upload', '/evil.example/upload'],
    ['/file//a///b', '/file/a/b'],
    ['/api/v1//media/upload', '/api/v1/media/upload'],
    ['//api//v1//media?u=http://x//y', '/api/v1/media?u=http://x//y'],
    ['http://other.example/api/v1//media', '/api/v1/media'],
    ['//api//manage//delete//file/a', '/api/manage/delete//file/a'],
    [
      '/api/manage/delete/http://own.example/file/a',
      '/api/manage/delete/http://own.example/file/a',
    ],
    ['http://other.example/file/a.jpg', '/file/a.jpg'],
    ['HTTPS://other.example:8443//upload?x=1', '/upload?x=1'],
    ['http://other.example', '/'],
    ['http://other.example?x=/y', '/?x=/y'],
    ['/%66ile/%61%2Fb', '/file/a%2Fb'],
    ['/file/%2561%25', '/file/%2561%25'],
    ['/file/%zz%e4%b8%ad', '/file/%zz%e4%b8%ad'],
    ['/file/%2e%2e/a', '/file/../a'],
    ['*', '*'],
    ['/a\nb?c\nd', '/a\nb?c\nd'],
  ])('%j is %j', (target, expected) => {
    const normal = normalizeRequest(request(target));
    expect(normal).toBe(expected);
    expect(normalizeRequest(request(normal))).toBe(normal);
  });

  it.each([
    ['http://other.example:81/x', 'other.example:81'],
    ['http://user:secret@other.example/x', 'other.example'],
    ['http:///x', 'own.example'],
    ['//other.example/x', 'own.example'],
  ])('%s is asked of %s', (target, host) => {
    const asked = request(target);
    normalizeRequest(asked);
    expect(asked.headers.host).toBe(host);
  });

  it.each([
    ['image/jpeg', true],
    ['multipart/form-data; boundary=x', true],
    ['multipart/form-data;boundary', true],
    [' application/vnd.git-lfs+json ;a', true],
    ['', false],
    ['jpg', false],
    ['image', false],
    ['image/', false],
    ['/jpeg', false],
    ['undefined', false],
    ['null', false],
    ['image/jpeg, image/jpeg', false],
    ['image/jpeg image/png', false],
    ['text/html<script>', false],
  ])('a Content-Type of %j stays: %s', (type, stays) => {
    const sent = request('/', { 'content-type': type });
    normalizeRequest(sent);
    expect(sent.headers['content-type']).toBe(stays ? type : undefined);
  });
});
