import type { Json } from '../bytes.ts';
import type { Multipart, PutOptions, PutResult } from '../channel.ts';
import { fail } from '../errors.ts';
import type { Spool } from '../streams/spool.ts';
import { storePieces } from './spool-pieces.ts';

/**
 * Writes down that a store has begun a multipart upload of this state, before any part goes out: it
 * must be aborted should this process end.
 */
export type NoteUpload = (state: Json) => Promise<void>;

export interface PartsOptions extends PutOptions {
  /** Of the whole body, when known. */
  readonly size: number | undefined;
  readonly noteUpload: NoteUpload;
}

/** A body of unknown size has turned out to need more parts than a store takes. */
export class TooManyParts extends Error {}

type Split = NonNullable<Multipart['limits']['split']>;

const undoMs = 30_000;

/** A body of unknown size need not arrive whole before its first part goes out. */
export async function needsParts(
  { aboveBytes, partBytes }: Split,
  spool: Spool,
  size: number | undefined,
): Promise<boolean> {
  return size === undefined ? (await spool.arrived(partBytes + 1)) > partBytes : size > aboveBytes;
}

/**
 * Stores a spooled body as one object through the store's own multipart upload. Parts go out while
 * later ones are still arriving. After a failure the upload is aborted.
 */
export async function storeParts(
  multipart: Multipart,
  spool: Spool,
  options: PartsOptions,
): Promise<PutResult> {
  const { key, contentType, filename, signal } = options;
  const state = await multipart.start({ key, contentType, filename, signal });
  try {
    await options.noteUpload(state);
    const parts = await sendParts({ multipart, state }, spool, options);
    return await multipart.finish(state, parts, { signal });
  } catch (error) {
    // What this cannot abort is left to the note.
    const undo = { signal: AbortSignal.timeout(undoMs) };
    await multipart.abort(state, undo).catch(() => undefined);
    throw error;
  }
}

interface StartedUpload {
  readonly multipart: Multipart;
  readonly state: Json;
}

type SentParts = Parameters<Multipart['finish']>[1];

async function sendParts(
  { multipart, state }: StartedUpload,
  spool: Spool,
  { signal: outer, size: announced }: PartsOptions,
): Promise<SentParts> {
  const sent: SentParts[number][] = [];
  let sentBytes = 0;
  const cut = { ...planParts(multipart, announced), signal: outer };
  await storePieces(spool, cut, async (piece, index, signal) => {
    const number = index + 1;
    if (number > multipart.limits.maxParts) {
      throw new TooManyParts();
    }
    const part = await multipart.part(state, number, piece, { signal });
    sent[index] = { number, part, size: piece.size };
    sentBytes += piece.size;
  });
  if (announced !== undefined && sentBytes !== announced) {
    throw fail(sentBytes < announced ? 'incomplete_body' : 'size_mismatch');
  }
  return sent;
}

function planParts(
  { limits }: Multipart,
  size = 0,
): { readonly sizeBytes: number; readonly parallel: number } {
  const { maxParts, split } = limits;
  const { partBytes, parallel } = split ?? { partBytes: limits.minPart, parallel: 1 };
  return { sizeBytes: Math.max(partBytes, Math.ceil(size / maxParts)), parallel };
}
