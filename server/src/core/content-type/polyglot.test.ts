import { expect, it } from 'vitest';
import { fixtureBytes, fixtures } from '../../../test/fixtures/index.ts';
import { secondType } from './polyglot.ts';

const look = (bytes: Uint8Array) =>
  secondType({
    size: bytes.length,
    read: async (start, end) => bytes.subarray(start, Math.min(end, bytes.length)),
  });

const jpeg = fixtureBytes(fixtures.photo);
const behind = (text: string, filler = 0) =>
  Buffer.concat([jpeg, Buffer.alloc(filler, 7), Buffer.from(text)]);
const comment = (text: string) => {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(text.length + 2);
  return Buffer.concat([
    jpeg.subarray(0, 2),
    Buffer.from([0xff, 0xfe]),
    length,
    Buffer.from(text),
    jpeg.subarray(2),
  ]);
};

it.each([
  ['a script behind it', behind('<script>alert(1)</script>'), 'text/html'],
  ['a page behind it', behind('<!DOCTYPE html><title>x</title>'), 'text/html'],
  ['a page far behind it', behind('<HTML >', 500_000), 'text/html'],
  ['a page in a comment', comment('<html><script>1</script></html>'), 'text/html'],
  ['an SVG in a comment', comment('<svg onload="alert(1)">'), 'image/svg+xml'],
  ['an SVG behind it', behind('<svg/>'), 'image/svg+xml'],
  ['nothing', jpeg, undefined],
  ['a video behind it', Buffer.concat([jpeg, fixtureBytes(fixtures.clip)]), undefined],
  ['markup that is no page', comment('taken by <b>Ada</b>, edited with <htmlview>'), undefined],
  ['XMP', comment('<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF/></x:xmpmeta>'), undefined],
])('a picture with %s', async (_, bytes, type) => {
  expect(await look(bytes)).toBe(type);
});

it.each([fixtures.png, fixtures.gif, fixtures.webp, fixtures.heic])(
  'no real picture is anything besides: $name',
  async (one) => {
    expect(await look(fixtureBytes(one))).toBeUndefined();
  },
);
