import type { IncomingMessage } from 'node:http';
import type { Caller } from '../core/access/access.ts';

/** Kinds of uploads, as metrics name them. */
export type UploadKind = 'basic' | 'chunked' | 'presigned' | 'direct' | 'import';

/** What a request turned out to do, for the log and the metrics. */
export interface RequestNotes {
  readonly caller?: Caller;
  /** Set when the request creates a file if it succeeds. */
  readonly upload?: UploadKind;
  /**
   * Library path of the file that it created, or several separated by blanks (paths contain none).
   */
  readonly file?: string;
}

const notes = new WeakMap<IncomingMessage, RequestNotes>();
const nothing: RequestNotes = {};

export function note(request: IncomingMessage, more: RequestNotes): void {
  notes.set(request, { ...notes.get(request), ...more });
}

export function notesOf(request: IncomingMessage): RequestNotes {
  return notes.get(request) ?? nothing;
}
