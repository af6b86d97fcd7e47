import { describe, expect, it } from 'vitest';
import { categoryOf, essenceOf, extensionFor, typeOfName } from './media-types.ts';

describe('extensionFor', () => {
  it.each([
    ['a.PNG', 'image/jpeg', 'png'],
    ['a.avif', '', 'avif'],
    ['archive.tar.gz', 'application/gzip', 'gz'],
    ['blob', 'image/png', 'png'],
    ['blob', 'IMAGE/JPG; q=1', 'jpg'],
    ['clip', 'video/quicktime', 'mov'],
    ['v1.2', 'image/svg+xml', 'svg'],
    ['x.part000', 'image/png', 'part000'],
    ['x', 'font/collection', 'collection'],
    ['x', 'application/octet-stream', 'bin'],
    ['x', 'application/vnd.some-thing+weird', 'bin'],
    ['x.', 'nonsense', 'bin'],
    ['x.a/b', 'image/gif', 'gif'],
  ])('%s of %s is %s', (filename, type, extension) =>
    expect(extensionFor(filename, type)).toBe(extension),
  );
});

describe('typeOfName', () => {
  it.each([
    ['a.JPEG', 'image/jpeg'],
    ['a.m4v', 'video/mp4'],
    ['a.heic', 'image/heic'],
    ['dir.png/a', undefined],
    ['a.unknown', undefined],
    ['a.constructor', undefined],
  ])('%s is %s', (filename, type) => expect(typeOfName(filename)).toBe(type));
});

describe('essenceOf', () => {
  it.each([
    ['text/HTML; charset=x', 'text/html'],
    ['image/pjpeg', 'image/jpeg'],
    ['text/xml', 'application/xml'],
    ['image/jpg', 'image/jpeg'],
    ['IMAGE/X-PNG', 'image/png'],
    ['image/heic-sequence', 'image/heic'],
    ['video/x-m4v', 'video/mp4'],
    ['application/x-pdf', 'application/pdf'],
    ['text/JavaScript1.5', 'text/javascript'],
    ['application/x-mpegURL', 'application/vnd.apple.mpegurl'],
    ['text/srt', 'application/x-subrip'],
    ['image', undefined],
    ['a/b\r\nX: y', undefined],
    ['*/*', undefined],
    [undefined, undefined],
  ])('%j is %s', (contentType, essence) => expect(essenceOf(contentType)).toBe(essence));
});

describe('categoryOf', () => {
  it.each([
    ['image/avif', 'image'],
    ['video/mp4', 'video'],
    ['audio/mpeg; x=y', 'audio'],
    ['application/pdf', 'document'],
    ['text/plain', 'document'],
    ['application/json', 'document'],
    ['application/vnd.openxmlformats-officedocument.wordprocessingml.document', 'document'],
    ['application/vnd.ms-fontobject', 'other'],
    ['application/zip', 'other'],
    ['application/octet-stream', 'other'],
    ['', 'other'],
  ])('%s is %s', (type, category) => expect(categoryOf(type)).toBe(category));
});
