import { randomBytes } from 'node:crypto';
import type { ByteSource } from '../../core/bytes.ts';

export interface MultipartField {
  readonly name: string;
  readonly value: string;
  readonly contentType?: string;
}

export interface MultipartFile {
  readonly name: string;
  readonly filename: string;
  readonly contentType: string;
  readonly source: ByteSource;
  /** Exact number of bytes in `source` when known. */
  readonly size?: number | undefined;
}

export interface MultipartBody {
  readonly contentType: string;
  /** Undefined when the file's size is unknown. */
  readonly contentLength: number | undefined;
  readonly body: ByteSource;
}

/** A `multipart/form-data` body with one streamed file, which comes last. */
export function multipartBody(
  fields: readonly MultipartField[],
  file: MultipartFile,
): MultipartBody {
  const boundary = `stowage${randomBytes(16).toString('hex')}`;
  const before = Buffer.from(
    fields.map((field) => fieldText(boundary, field)).join('') + fileHead(boundary, file),
  );
  const after = Buffer.from(`\r\n--${boundary}--\r\n`);
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    contentLength: file.size === undefined ? undefined : before.length + file.size + after.length,
    body: concat(before, file.source, after),
  };
}

function fieldText(boundary: string, { name, value, contentType }: MultipartField): string {
  const type = contentType === undefined ? '' : `Content-Type: ${headerSafe(contentType)}\r\n`;
  return `--${boundary}\r\nContent-Disposition: form-data; name="${quotedSafe(name)}"\r\n${type}\r\n${value}\r\n`;
}

function fileHead(boundary: string, file: MultipartFile): string {
  const disposition = `form-data; name="${quotedSafe(file.name)}"; filename="${quotedSafe(file.filename)}"`;
  return `--${boundary}\r\nContent-Disposition: ${disposition}\r\nContent-Type: ${headerSafe(file.contentType)}\r\n\r\n`;
}

// WHATWG form encoding escapes CR, LF and the quote; a backslash goes too, as many parsers take it
// for an escape. Names go out as UTF-8.
function quotedSafe(text: string): string {
  return text
    .replaceAll('\\', '%5C')
    .replaceAll('\r', '%0D')
    .replaceAll('\n', '%0A')
    .replaceAll('"', '%22');
}

function headerSafe(text: string): string {
  return text.replaceAll(/[\r\n]/g, ' ');
}

async function* concat(
  before: Uint8Array,
  source: ByteSource,
  after: Uint8Array,
): AsyncGenerator<Uint8Array> {
  yield before;
  yield* source;
  yield after;
}
