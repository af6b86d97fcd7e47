import { type ErrorCode, StowageError } from '../../errors.ts';

/** Why a step is refused. The API has the words for it. */
export type Refusal =
  | { readonly reason: 'no_session' | 'expired' | 'mismatch' }
  /** `group` is the requested one, or the one that the upload would use. */
  | { readonly reason: 'unsupported_channel' | 'no_channel'; readonly group: string }
  | { readonly reason: 'bad_total'; readonly maxChunks: number }
  | { readonly reason: 'bad_index'; readonly totalChunks: number }
  | {
      readonly reason: 'chunk_too_small';
      readonly index: number;
      readonly sizeBytes: number;
      /** Of every chunk but the last, on this channel. */
      readonly minBytes: number;
    }
  /** `missing` are the indexes that did not arrive while a merge waited; what is stored stays. */
  | {
      readonly reason: 'incomplete';
      readonly totalChunks: number;
      readonly missing: readonly number[];
    };

const codeOf: Readonly<Partial<Record<Refusal['reason'], ErrorCode>>> = {
  expired: 'gone',
  incomplete: 'chunks_missing',
};

export class ChunkedRefusal extends StowageError {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(codeOf[refusal.reason] ?? 'bad_request');
    this.refusal = refusal;
  }
}

/** The upload does not exist, belongs to another caller, or has ended. */
export function noSession(): ChunkedRefusal {
  return new ChunkedRefusal({ reason: 'no_session' });
}
