import { take, takeIfThere, type Walk } from './walk.ts';

/** A box of the ISO base media file format (MP4, MOV, HEIC, AVIF). */
export interface Box {
  readonly type: string;
  /** Range of its payload. `end` may exceed the file when that is truncated. */
  readonly start: number;
  readonly end: number;
}

const maxChildren = 1024;
const maxPrefetchBytes = 64 * 1024;

/** Undefined when no box begins here: at the end of the file, or in other data. */
export function* nextBox(at: number, end: number): Walk<Box | undefined> {
  if (at + 8 > end) {
    return undefined;
  }
  const header = yield* takeIfThere(at, 8);
  if (header === undefined) {
    return undefined;
  }
  const type = header.toString('latin1', 4, 8);
  const bytes = header.readUInt32BE(0);
  if (bytes === 0) {
    return { type, start: at + 8, end };
  }
  if (bytes !== 1) {
    return bytes < 8 ? undefined : { type, start: at + 8, end: at + bytes };
  }
  const large = yield* takeIfThere(at + 8, 8);
  const largeBytes = large === undefined ? 0 : Number(large.readBigUInt64BE(0));
  return largeBytes < 16 ? undefined : { type, start: at + 16, end: at + largeBytes };
}

/** The boxes within a box, `skip` bytes after its start. Boxes that exceed it are left out. */
export function* childrenOf(parent: Box, skip = 0): Walk<readonly Box[]> {
  const children: Box[] = [];
  let at = parent.start + skip;
  while (children.length < maxChildren) {
    const child = yield* nextBox(at, parent.end);
    if (child === undefined || child.end > parent.end) {
      break;
    }
    children.push(child);
    at = child.end;
  }
  return children;
}

export function find(boxes: readonly Box[], type: string): Box | undefined {
  return boxes.find((box) => box.type === type);
}

/** The first box at the end of a path of types. */
export function* descend(from: Box, ...path: readonly string[]): Walk<Box | undefined> {
  let box: Box | undefined = from;
  for (const type of path) {
    if (box === undefined) {
      return undefined;
    }
    box = find(yield* childrenOf(box), type);
  }
  return box;
}

/** The first bytes of a payload; undefined when it is shorter. */
export function* payload(box: Box, bytes: number): Walk<Buffer | undefined> {
  return box.start + bytes > box.end ? undefined : yield* take(box.start, bytes);
}

/** Reads a small box in one go, before its parts are requested. */
export function* prefetch({ start, end }: Box): Walk<void> {
  yield* takeIfThere(start, Math.min(end - start, maxPrefetchBytes));
}
