import { type Box, childrenOf, find, nextBox, payload, prefetch } from './boxes.ts';
import type { Movie } from './mp4-movie.ts';
import { take, takeIfThere, type Walk } from './walk.ts';

/** Seconds on the clock of the movie. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** From the first to the last sample of the fragments (moof), over all tracks. */
export function* spanOf(fragments: readonly Box[], movie: Movie): Walk<Span | undefined> {
  const spans: Span[] = [];
  for (const moof of fragments) {
    yield* prefetch(moof);
    for (const box of yield* childrenOf(moof)) {
      const span = box.type === 'traf' ? yield* trackSpan(box, movie) : undefined;
      if (span !== undefined) {
        spans.push(span);
      }
    }
  }
  if (spans.length === 0) {
    return undefined;
  }
  return {
    start: Math.min(...spans.map(({ start }) => start)),
    end: Math.max(...spans.map(({ end }) => end)),
  };
}

function* trackSpan(traf: Box, { tracks, sampleTicks }: Movie): Walk<Span | undefined> {
  const boxes = yield* childrenOf(traf);
  const header = find(boxes, 'tfhd');
  const time = find(boxes, 'tfdt');
  if (header === undefined || time === undefined) {
    return undefined;
  }
  const { id, ticks } = yield* walkFragmentHeader(header);
  const timescale = tracks.find((track) => track.id === id)?.timescale ?? 0;
  if (timescale === 0) {
    return undefined;
  }
  const start = yield* baseTime(time);
  let end = start;
  for (const run of boxes.filter(({ type }) => type === 'trun')) {
    end += yield* runTicks(run, ticks ?? sampleTicks.get(id) ?? 0);
  }
  return { start: start / timescale, end: end / timescale };
}

function* walkFragmentHeader(box: Box): Walk<{ id: number; ticks: number | undefined }> {
  const bytes = (yield* payload(box, 8)) ?? Buffer.alloc(8);
  const flags = bytes.readUIntBE(1, 3);
  // default-sample-duration follows base-data-offset and sample-description-index, where these are
  // present.
  const at = 8 + (flags & 0x01 ? 8 : 0) + (flags & 0x02 ? 4 : 0);
  const ticks = flags & 0x08 ? (yield* payload(box, at + 4))?.readUInt32BE(at) : undefined;
  return { id: bytes.readUInt32BE(4), ticks };
}

function* baseTime(box: Box): Walk<number> {
  const isLong = (yield* payload(box, 1))?.[0] === 1;
  const bytes = yield* payload(box, isLong ? 12 : 8);
  return bytes === undefined
    ? 0
    : isLong
      ? Number(bytes.readBigUInt64BE(4))
      : bytes.readUInt32BE(4);
}

const maxSamples = 20_000;

function* runTicks(box: Box, defaultTicks: number): Walk<number> {
  const header = yield* payload(box, 8);
  if (header === undefined) {
    return 0;
  }
  const flags = header.readUIntBE(1, 3);
  const samples = Math.min(header.readUInt32BE(4), maxSamples);
  if (!(flags & 0x100)) {
    return samples * defaultTicks;
  }
  const sampleBytes = 4 * [0x100, 0x200, 0x400, 0x800].filter((flag) => flags & flag).length;
  let at = box.start + 8 + (flags & 0x01 ? 4 : 0) + (flags & 0x04 ? 4 : 0);
  let ticks = 0;
  for (let left = samples; left > 0 && at + sampleBytes <= box.end; left--, at += sampleBytes) {
    ticks += (yield* take(at, 4)).readUInt32BE(0);
  }
  return ticks;
}

/**
 * The fragment that the index at the end of the file (mfra) lists as the last of its first track.
 * Undefined when there is no index.
 */
export function* lastIndexedFragment(fileBytes: number): Walk<Box | undefined> {
  const tail = yield* takeIfThere(fileBytes - 16, 16);
  if (tail === undefined || tail.toString('latin1', 4, 8) !== 'mfro') {
    return undefined;
  }
  const index = yield* nextBox(fileBytes - tail.readUInt32BE(12), fileBytes);
  if (index?.type !== 'mfra') {
    return undefined;
  }
  const offsets: number[] = [];
  for (const box of yield* childrenOf(index)) {
    if (box.type === 'tfra') {
      offsets.push(yield* lastOffset(box));
    }
  }
  const fragment = yield* nextBox(Math.max(0, ...offsets), fileBytes);
  return fragment?.type === 'moof' ? fragment : undefined;
}

function* lastOffset(box: Box): Walk<number> {
  const header = yield* payload(box, 16);
  if (header === undefined) {
    return 0;
  }
  const count = header.readUInt32BE(12);
  const wide = header[0] === 1 ? 8 : 4;
  const lengths = header.readUInt32BE(8);
  const entryBytes = 2 * wide + 3 + (lengths & 3) + ((lengths >> 2) & 3) + ((lengths >> 4) & 3);
  const at = box.start + 16 + (count - 1) * entryBytes;
  if (count === 0 || at + entryBytes > box.end) {
    return 0;
  }
  const entry = yield* take(at + wide, wide);
  return wide === 8 ? Number(entry.readBigUInt64BE(0)) : entry.readUInt32BE(0);
}

/** Duration in seconds of a segment index (sidx). */
export function* indexedSeconds(box: Box): Walk<number> {
  const isLong = (yield* payload(box, 1))?.[0] === 1;
  const at = isLong ? 28 : 20;
  const header = yield* payload(box, at + 4);
  if (header === undefined) {
    return 0;
  }
  const timescale = header.readUInt32BE(8);
  const count = header.readUInt16BE(at + 2);
  const references =
    timescale > 0 && box.start + at + 4 + 12 * count <= box.end
      ? yield* references12(box.start + at + 4, count)
      : 0;
  return references / timescale || 0;
}

function* references12(start: number, count: number): Walk<number> {
  let ticks = 0;
  for (let index = 0; index < Math.min(count, maxSamples); index++) {
    ticks += (yield* take(start + 12 * index + 4, 4)).readUInt32BE(0);
  }
  return ticks;
}
