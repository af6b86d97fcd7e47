import type { IncomingMessage } from 'node:http';
import type { Caller } from '../core/access/access.ts';

/** Ways in which a file comes in, as metrics name them. */
export type UploadKind = 'basic' | 'chunked' | 'presigned' | 'direct' | 'import';

/** What a request turned out to be about, for the log and the metrics. */
export interface RequestNotes {
  readonly caller?: Caller;
  /** The request makes a file when it succeeds. */
  readonly upload?: UploadKind;
  /**
   * Path in the library of the file that it made, or several with blanks between them (paths hold
   * none).
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
