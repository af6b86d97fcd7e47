import type { FilePosition } from '../core/metadata.ts';

/** Where a page ended, as callers carry it: to them it is a word. */
export function writeCursor({ createdAt, id }: FilePosition): string {
  return Buffer.from(`${createdAt} ${id}`).toString('base64url');
}

/** Undefined when we have not written it. */
export function readCursor(cursor: string): FilePosition | undefined {
  const [, createdAt, id] =
    /^(\d{1,15}) ([\w-]{1,64})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1')) ?? [];
  return createdAt === undefined || id === undefined
    ? undefined
    : { createdAt: Number(createdAt), id };
}
