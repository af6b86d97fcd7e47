import { type Caller, isShared } from '../../access/access.ts';
import type { Clock } from '../../clock.ts';
import type { Upload } from '../../metadata.ts';
import { type ChunkedUpload, type NamingOptions, withNaming } from './chunked-details.ts';
import { ChunkedRefusal, noSession } from './chunked-refusal.ts';
import type { ChunkedRows } from './chunked-rows.ts';

/** The values of the first step that every later one repeats. */
export interface ChunkedStep extends NamingOptions {
  readonly uploadId: string;
  readonly filename: string;
  readonly totalChunks: number;
}

/** Finds the upload that a step belongs to. */
export class Sessions {
  readonly #rows: ChunkedRows;
  readonly #now: Clock;

  constructor(rows: ChunkedRows, { now }: { readonly now: Clock }) {
    this.#rows = rows;
    this.#now = now;
  }

  async find(uploadId: string, caller: Caller): Promise<ChunkedUpload> {
    const upload = await this.#rows.get(uploadId);
    if (upload === undefined || !mayContinue(upload, caller) || upload.state === 'aborted') {
      throw noSession();
    }
    if (upload.expiresAt < this.#now()) {
      throw new ChunkedRefusal({ reason: 'expired' });
    }
    return upload;
  }

  /** Like `find`; the step must repeat the values of the first one. */
  async findFor(step: ChunkedStep, caller: Caller): Promise<ChunkedUpload> {
    const upload = await this.find(step.uploadId, caller);
    const { filename, totalChunks } = upload.details;
    if (step.filename !== filename || step.totalChunks !== totalChunks) {
      throw new ChunkedRefusal({ reason: 'mismatch' });
    }
    return upload;
  }

  /** Of requests that change the upload at the same time, any may win. */
  async applyNaming(upload: ChunkedUpload, naming: NamingOptions): Promise<ChunkedUpload> {
    let current: ChunkedUpload | undefined = upload;
    while (current !== undefined && current.state === 'open') {
      const details = withNaming(current.details, naming);
      if (details === current.details) {
        return current;
      }
      const changed = await this.#rows.change(current, details);
      if (changed !== undefined) {
        return changed;
      }
      current = await this.#rows.get(upload.id);
    }
    return current ?? upload;
  }
}

/** Upload API 2.1: an upload begun with the upload code may continue with a token. */
export function mayContinue({ owner }: Upload, caller: Caller): boolean {
  return owner === caller.owner || isShared(owner);
}
