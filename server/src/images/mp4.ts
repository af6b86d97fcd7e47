import type { MediaFacts } from '../core/prober.ts';
import { type Box, nextBox } from './boxes.ts';
import { indexedSeconds, lastIndexedFragment, spanOf } from './mp4-fragments.ts';
import { longest, type Movie, walkMovie } from './mp4-movie.ts';
import { corrupt, type Walk } from './walk.ts';

const maxRestBoxes = 64;
/** Boxes that matter when they are cut off. Other appended data may be anything. */
const bodies: ReadonlySet<string> = new Set(['moov', 'moof', 'mdat']);

/** MP4 and MOV, with the movie box in front, at the end, or followed by fragments. */
export function* walkMp4(fileBytes: number): Walk<MediaFacts> {
  const moov = yield* findMovie(fileBytes);
  const movie = yield* walkMovie(moov);
  const seconds = yield* walkRest(moov.end, fileBytes, movie);
  const { width, height } = movie.size ?? { width: null, height: null };
  return {
    width,
    height,
    durationSeconds: movie.wholeSeconds ?? longest([movie.seconds, seconds]),
  };
}

function* findMovie(fileBytes: number): Walk<Box> {
  let at = 0;
  for (;;) {
    const box = yield* nextWhole(at, fileBytes);
    if (box === undefined) {
      break;
    }
    if (box.type === 'moov') {
      return box;
    }
    at = box.end;
  }
  throw corrupt('The video is corrupt or truncated: it has no moov.');
}

function* nextWhole(at: number, fileBytes: number): Walk<Box | undefined> {
  const box = yield* nextBox(at, fileBytes);
  if (box !== undefined && box.end > fileBytes && bodies.has(box.type)) {
    throw corrupt('The video is truncated.');
  }
  return box;
}

/**
 * Checks what follows the movie box, up to a limit, and returns the duration of the fragments in
 * it.
 */
function* walkRest(start: number, fileBytes: number, movie: Movie): Walk<number | null> {
  const last = movie.fragmented ? yield* lastIndexedFragment(fileBytes) : undefined;
  const fragments: Box[] = [];
  let indexed = 0;
  let at = start;
  for (let count = 0; count < maxRestBoxes; count++) {
    const box = yield* nextWhole(at, fileBytes);
    if (box === undefined) {
      return indexed || (yield* secondsOf(fragments, movie));
    }
    if (box.type === 'moof') {
      fragments.push(box);
    }
    if (fragments.length > 0 && last !== undefined) {
      return yield* secondsOf([...fragments, last], movie);
    }
    if (box.type === 'sidx') {
      indexed += yield* indexedSeconds(box);
    }
    at = box.end;
  }
  return indexed || null;
}

function* secondsOf(fragments: readonly Box[], movie: Movie): Walk<number | null> {
  // Tracks may alternate, a fragment each.
  const outermost =
    fragments.length > 8 ? [...fragments.slice(0, 4), ...fragments.slice(-4)] : fragments;
  const span = yield* spanOf(outermost, movie);
  if (span === undefined) {
    return null;
  }
  // A live recording does not begin at zero, nor do fragments that follow samples of the movie box.
  return movie.seconds === null ? span.end - span.start : span.end;
}
