import { type Box, childrenOf, descend, find, payload, prefetch } from './boxes.ts';
import { type Size, turned } from './caps.ts';
import type { Walk } from './walk.ts';

interface Track {
  readonly id: number;
  readonly isVideo: boolean;
  readonly size: Size | null;
  /** Ticks per second. */
  readonly timescale: number;
  readonly seconds: number | null;
}

export interface Movie {
  readonly size: Size | null;
  /** When `fragmented`, it may cover only the first part. */
  readonly seconds: number | null;
  /** Including all fragments, if the movie box states it. */
  readonly wholeSeconds: number | null;
  readonly tracks: readonly Track[];
  /** More samples follow in fragments. */
  readonly fragmented: boolean;
  /** Ticks per sample, by track, for fragments that state none. */
  readonly sampleTicks: ReadonlyMap<number, number>;
}

const maxTracks = 64;

/** Reads a movie box (moov). */
export function* walkMovie(moov: Box): Walk<Movie> {
  yield* prefetch(moov);
  const boxes = yield* childrenOf(moov);
  const tracks: Track[] = [];
  for (const box of boxes.filter(({ type }) => type === 'trak').slice(0, maxTracks)) {
    const track = yield* walkTrack(box);
    if (track !== undefined) {
      tracks.push(track);
    }
  }
  const own = yield* walkTimes(find(boxes, 'mvhd'));
  const extension = find(boxes, 'mvex');
  const fragments =
    extension === undefined ? undefined : yield* walkExtends(extension, own?.timescale ?? 0);
  return {
    size: tracks.find((track) => track.isVideo && track.size !== null)?.size ?? null,
    seconds: own?.seconds ?? longest(tracks.map((track) => track.seconds)),
    wholeSeconds: fragments?.seconds ?? null,
    tracks,
    fragmented: fragments !== undefined,
    sampleTicks: fragments?.sampleTicks ?? new Map(),
  };
}

export function longest(seconds: readonly (number | null)[]): number | null {
  const most = Math.max(0, ...seconds.map((value) => value ?? 0));
  return most > 0 ? most : null;
}

function* walkTrack(box: Box): Walk<Track | undefined> {
  const boxes = yield* childrenOf(box);
  const media = find(boxes, 'mdia');
  const header = find(boxes, 'tkhd');
  if (media === undefined || header === undefined) {
    return undefined;
  }
  const parts = yield* childrenOf(media);
  const handler = find(parts, 'hdlr');
  const kind =
    handler === undefined ? undefined : (yield* payload(handler, 12))?.toString('latin1', 8, 12);
  const times = yield* walkTimes(find(parts, 'mdhd'));
  const isVideo = kind === 'vide';
  const { id, shown } = (yield* walkTrackHeader(header)) ?? { id: 0, shown: null };
  const size = isVideo ? (shown ?? (yield* codedSize(media))) : null;
  return { id, isVideo, size, timescale: times?.timescale ?? 0, seconds: times?.seconds ?? null };
}

/** For mvhd and mdhd, which begin alike. */
function* walkTimes(
  box: Box | undefined,
): Walk<{ timescale: number; seconds: number | null } | undefined> {
  if (box === undefined) {
    return undefined;
  }
  const isLong = (yield* payload(box, 1))?.[0] === 1;
  const bytes = yield* payload(box, isLong ? 32 : 20);
  if (bytes === undefined) {
    return undefined;
  }
  const timescale = bytes.readUInt32BE(isLong ? 20 : 12);
  const ticks = isLong ? Number(bytes.readBigUInt64BE(24)) : bytes.readUInt32BE(16);
  return { timescale, seconds: secondsOf(ticks, timescale, isLong) };
}

/** All ones mean unknown. */
function secondsOf(ticks: number, timescale: number, isLong: boolean): number | null {
  const isKnown = ticks > 0 && timescale > 0 && (isLong ? ticks < 2 ** 63 : ticks !== 0xffff_ffff);
  return isKnown ? ticks / timescale : null;
}

/** tkhd holds the size on screen (16.16) before its matrix rotates it. */
function* walkTrackHeader(box: Box): Walk<{ id: number; shown: Size | null } | undefined> {
  const later = (yield* payload(box, 1))?.[0] === 1 ? 12 : 0;
  const bytes = yield* payload(box, 84 + later);
  if (bytes === undefined) {
    return undefined;
  }
  const size = { width: bytes.readUInt16BE(76 + later), height: bytes.readUInt16BE(80 + later) };
  const [a, b, c, d] = [40, 44, 52, 56].map((at) => Math.abs(bytes.readInt32BE(at + later))) as [
    number,
    number,
    number,
    number,
  ];
  const isOnItsSide = b > a && c > d;
  const shown = size.width > 0 && size.height > 0 ? size : null;
  return {
    id: bytes.readUInt32BE(later === 0 ? 12 : 20),
    shown: shown !== null && isOnItsSide ? turned(shown) : shown,
  };
}

/** The size in the sample description, for tracks whose header has none. */
function* codedSize(media: Box): Walk<Size | null> {
  const description = yield* descend(media, 'minf', 'stbl', 'stsd');
  const bytes = description === undefined ? undefined : yield* payload(description, 44);
  const size = { width: bytes?.readUInt16BE(40) ?? 0, height: bytes?.readUInt16BE(42) ?? 0 };
  return size.width > 0 && size.height > 0 ? size : null;
}

function* walkExtends(
  box: Box,
  timescale: number,
): Walk<{ seconds: number | null; sampleTicks: Map<number, number> }> {
  const sampleTicks = new Map<number, number>();
  let seconds: number | null = null;
  for (const child of yield* childrenOf(box)) {
    if (child.type === 'trex') {
      const bytes = yield* payload(child, 16);
      if (bytes !== undefined) {
        sampleTicks.set(bytes.readUInt32BE(4), bytes.readUInt32BE(12));
      }
    } else if (child.type === 'mehd') {
      const isLong = (yield* payload(child, 1))?.[0] === 1;
      const bytes = yield* payload(child, isLong ? 12 : 8);
      const ticks =
        bytes === undefined ? 0 : isLong ? Number(bytes.readBigUInt64BE(4)) : bytes.readUInt32BE(4);
      seconds = secondsOf(ticks, timescale, isLong);
    }
  }
  return { seconds, sampleTicks };
}
