import { expect, it } from 'vitest';
import { declaredType, isUnspecificType } from './declared-type.ts';

it.each([
  // other names of a type
  ['image/jpg', 'x', 'image/jpeg'],
  ['image/pjpeg', 'x', 'image/jpeg'],
  ['image/x-citrix-jpeg', 'x', 'image/jpeg'],
  ['IMAGE/X-PNG; charset=binary', 'x', 'image/png'],
  ['image/x-citrix-png', 'x', 'image/png'],
  ['image/heic-sequence', 'x', 'image/heic'],
  ['application/x-pdf', 'x', 'application/pdf'],
  ['application/vnd.pdf', 'x', 'application/pdf'],
  ['application/x-jpg', 'x', 'image/jpeg'],
  ['application/x-png', 'x', 'image/png'],
  ['video/m4v', 'x', 'video/mp4'],
  ['video/x-m4v', 'x', 'video/mp4'],
  // no type declared: the name decides
  ['', 'IMG_1.HEIC', 'image/heic'],
  ['  ', 'a.heif', 'image/heif'],
  ['application/octet-stream', 'clip.mp4', 'video/mp4'],
  ['binary/octet-stream', 'paper.pdf', 'application/pdf'],
  ['application/x-unknown-content-type', 'a.webp', 'image/webp'],
  ['application/force-download', 'a.jfif', 'image/jpeg'],
  ['undefined', 'a.png', 'image/png'],
  ['null', 'a.png', 'image/png'],
  ['image', 'a.png', 'image/png'],
  ['jpg', 'a.jpeg', 'image/jpeg'],
  ['.jpg', 'a.jpeg', 'image/jpeg'],
  ['image/', 'a.gif', 'image/gif'],
  ['image/*', 'a.gif', 'image/gif'],
  ['*/*', 'a.gif', 'image/gif'],
  ['application/octet-stream', 'no extension', undefined],
  ['', 'a.unknownext', undefined],
  // a declared type that contradicts the name
  ['image/png', 'a.jpg', 'image/png'],
  ['text/html', 'a.jpg', 'text/html'],
  ['nonsense', 'a.jpg', undefined],
  ['image/jpeg/png', 'a.jpg', undefined],
  ['__proto__', 'a.jpg', undefined],
  ['constructor', 'a.jpg', undefined],
])('%j of %j means %j', (contentType, filename, meant) => {
  expect(declaredType(contentType, filename)).toBe(meant);
});

it('no type at all says nothing', () => expect(isUnspecificType(undefined)).toBe(true));
