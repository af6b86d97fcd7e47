import { describe, expect, it } from 'vitest';
import { encodedTarget, targetOf } from './request-line.ts';

const rest = 'Host: a\r\n\r\n';
const errorIn = (text: string, at: string, code = 'HPE_INVALID_URL') => {
  const rawPacket = Buffer.from(text);
  return { code, rawPacket, bytesParsed: rawPacket.indexOf(at) };
};

describe('encodedTarget', () => {
  it.each([
    ['GET /file/中.png?x=é HTTP/1.1\r\n', '中', '/file/%E4%B8%AD.png?x=%C3%A9'],
    ['GET /file/a%20中.png HTTP/1.0\n', '中', '/file/a%20%E4%B8%AD.png'],
    ['GET http://host:80/file/é HTTP/1.1\r\n', 'é', '/file/%C3%A9'],
    ['GET ///evil.example/é HTTP/1.1\r\n', 'é', '/evil.example/%C3%A9'],
    ['GET /first HTTP/1.1\r\nHost: a\r\n\r\nDELETE /é HTTP/1.1\r\n', 'é', '/%C3%A9'],
    ['GET /plain HTTP/1.1\r\n', 'plain', undefined],
    ['BREW /é HTTP/1.1\r\n', 'é', undefined],
    ['GET /é HTTP/2.0\r\n', 'é', undefined],
    ['é.png HTTP/1.1\r\n', 'é', undefined],
    ['GET /é\u0001 HTTP/1.1\r\n', 'é', undefined],
    ['GET é HTTP/1.1\r\n', 'é', undefined],
  ])('%j', (line, at, expected) =>
    expect(encodedTarget(errorIn(`${line}${rest}`, at))).toBe(expected),
  );

  it('is for addresses only', () => {
    expect(
      encodedTarget(errorIn(`GET /é HTTP/1.1\r\n${rest}`, 'é', 'HPE_INVALID_HEADER_TOKEN')),
    ).toBeUndefined();
    expect(encodedTarget(errorIn('GET /é HTTP/1.1', 'é'))).toBeUndefined();
    expect(encodedTarget({ code: 'HPE_INVALID_URL' })).toBeUndefined();
  });

  it('keeps bytes that are no UTF-8 apart', () => {
    const rawPacket = Buffer.from('GET /caf\xe9 HTTP/1.1\r\n', 'latin1');
    expect(encodedTarget({ code: 'HPE_INVALID_URL', rawPacket, bytesParsed: 8 })).toBe('/caf%E9');
  });
});

it('targetOf finds the target in the head that is broken', () => {
  expect(targetOf(errorIn(`POST /upload HTTP/1.1\r\n${rest}`, 'upload'))).toBe('/upload');
  expect(
    targetOf(
      errorIn(
        `GET /first HTTP/1.1\r\n\r\nPOST /upload?a=b HTTP/1.1\r\n: broken\r\n${rest}`,
        ': broken',
      ),
    ),
  ).toBe('/upload?a=b');
  expect(targetOf(errorIn(`: broken\r\n${rest}`, ': broken'))).toBeUndefined();
});
