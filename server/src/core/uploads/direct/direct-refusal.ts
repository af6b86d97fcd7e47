import { type ErrorCode, StowageError } from '../../errors.ts';

const codeOf = {
  /** The choice leads to no channel that takes direct uploads. */
  no_channel: 'bad_request',
  /** Nothing was issued to this caller for these values. */
  not_issued: 'insufficient_scope',
  /** The caller has not sent the bytes. */
  not_arrived: 'upload_not_received',
} as const satisfies Record<string, ErrorCode>;

/** Why a step is refused. The API has the words for it. */
export class DirectRefusal extends StowageError {
  readonly reason: keyof typeof codeOf;

  constructor(reason: keyof typeof codeOf) {
    super(codeOf[reason]);
    this.reason = reason;
  }
}
