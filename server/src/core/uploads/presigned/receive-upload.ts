import type { Access } from '../../access/access.ts';
import { type ByteSource, toJson } from '../../bytes.ts';
import type { Clock } from '../../clock.ts';
import { isUnspecificType } from '../../content-type/declared-type.ts';
import { essenceOf } from '../../content-type/media-types.ts';
import { fail } from '../../errors.ts';
import type { MetadataStore, Upload } from '../../metadata.ts';
import type { ChannelPool } from '../../storage/channel-pool.ts';
import type { Intake, IntakeResult } from '../../storage/intake.ts';
import type { Digests } from '../../streams/digests.ts';
import { mediaNotFound } from './media.ts';
import {
  asReceived,
  deleteReceived,
  nothingReceived,
  type PresignedDetails,
  type PresignedRow,
  presignedDetails,
  type Received,
} from './presigned-details.ts';

export interface ReceiveRequest {
  readonly id: string;
  readonly source: ByteSource;
  readonly contentType: string | undefined;
  readonly size: number | undefined;
  readonly expected: Digests;
  /** Fails when such bytes have come already, by their hash; `*` means any. */
  readonly unless?: '*' | readonly string[] | undefined;
  /** When the transfer began: one that began in time may finish. */
  readonly startedAt: number;
  readonly signal: AbortSignal;
}

export interface ReceiverDeps {
  readonly metadata: Pick<MetadataStore, 'uploads'>;
  readonly pool: Pick<ChannelPool, 'byId' | 'requireRoom'>;
  readonly intake: Intake;
  readonly access: Pick<Access, 'mayUpload'>;
  readonly now: Clock;
}

/** Takes the bytes of presigned uploads from the relay. */
export class UploadReceiver {
  readonly #deps: ReceiverDeps;
  readonly #clockToleranceMs: number;
  /** Transfers under way, by upload. */
  readonly #transfers = new Map<string, Set<AbortController>>();

  constructor(deps: ReceiverDeps, { urlTtlSeconds }: { readonly urlTtlSeconds: number }) {
    this.#deps = deps;
    // Nodes whose clocks differ a little agree.
    this.#clockToleranceMs = Math.min(15_000, (urlTtlSeconds * 1000) / 60);
  }

  /** The last complete transfer before `complete` wins. */
  async receive(request: ReceiveRequest): Promise<Received> {
    const transfer = new AbortController();
    const others = this.#transfers.get(request.id) ?? new Set();
    this.#transfers.set(request.id, others.add(transfer));
    try {
      const row = await this.#admit(request);
      const stored = await this.#store(request, row, transfer.signal);
      return await this.#keep(stored, request);
    } finally {
      others.delete(transfer);
      if (others.size === 0) {
        this.#transfers.delete(request.id);
      }
    }
  }

  /** Stops the transfers of an upload on this node. */
  stop(id: string): void {
    for (const transfer of this.#transfers.get(id) ?? []) {
      transfer.abort(fail('not_found', { message: 'The upload was cancelled.' }));
    }
  }

  /** Checks before the first byte is read whether the upload takes this transfer. */
  async #admit(request: ReceiveRequest): Promise<PresignedRow> {
    const row = await this.#row(request.id);
    if (request.startedAt > row.details.urlExpiresAt + this.#clockToleranceMs) {
      throw fail('upload_url_expired');
    }
    await this.#requireOwner(row.upload);
    checkAbsent(request, row.details);
    checkDeclared(request, row.details);
    return row;
  }

  async #row(id: string): Promise<PresignedRow> {
    const upload = await this.#deps.metadata.uploads.get(id);
    if (upload === undefined || upload.kind !== 'presigned' || upload.state === 'aborted') {
      throw mediaNotFound();
    }
    if (upload.state === 'done') {
      throw fail('already_completed');
    }
    return { upload, details: presignedDetails(upload) };
  }

  async #requireOwner({ owner }: Upload): Promise<void> {
    if (!(await this.#deps.access.mayUpload(owner))) {
      throw fail('invalid_signature', {
        message: 'The API key of this upload was revoked, has expired or may no longer upload.',
      });
    }
  }

  #store(
    { source, size, expected, signal }: ReceiveRequest,
    { upload, details: { filename, contentType, sha256 } }: PresignedRow,
    cancelled: AbortSignal,
  ): Promise<IntakeResult> {
    return this.#deps.intake.store({
      source,
      filename,
      declaredType: contentType,
      size,
      candidates: [{ group: '', channel: this.#deps.pool.byId(upload.channelId) }],
      expected: sha256 === null ? expected : { ...expected, sha256 },
      signal: AbortSignal.any([signal, cancelled]),
    });
  }

  /** Stored bytes that do not make it into the upload's row are removed. */
  async #keep(stored: IntakeResult, request: ReceiveRequest): Promise<Received> {
    const { intake } = this.#deps;
    const received = asReceived(stored);
    try {
      let isWritten = false;
      while (!isWritten) {
        isWritten = await this.#writeDown(received, stored.pendingCleanup, request);
      }
    } catch (error) {
      await intake.discard(stored, error);
      throw error;
    }
    await intake.settle(stored);
    return received;
  }

  /** False when the row changed meanwhile. */
  async #writeDown(
    received: Received,
    clears: readonly string[],
    request: ReceiveRequest,
  ): Promise<boolean> {
    const { metadata, pool, now } = this.#deps;
    const { upload, details } = await this.#row(request.id);
    await this.#requireOwner(upload);
    checkAbsent(request, details);
    // The room kept for this upload is its own; a failed one keeps none any more.
    const kept = upload.state === 'open' ? upload.expectedBytes : 0;
    await pool.requireRoom(upload.channelId, received.size - kept);
    const patch = {
      state: 'open',
      storageId: received.storageId,
      expectedBytes: received.size,
      details: toJson({ ...details, ...nothingReceived, received }),
    } as const;
    const adds = deleteReceived(details.received, now());
    const updated = await metadata.uploads.update(upload.id, upload.version, patch, {
      adds,
      clears,
    });
    return updated !== undefined;
  }
}

function checkAbsent({ unless = [] }: ReceiveRequest, { received }: PresignedDetails): void {
  if (received !== null && (unless === '*' || unless.includes(received.hash))) {
    throw fail('precondition_failed');
  }
}

function checkDeclared({ contentType, size }: ReceiveRequest, details: PresignedDetails): void {
  if (size !== undefined && size > details.maxBytes) {
    throw fail('too_large', { details: { maxBytes: details.maxBytes } });
  }
  if (isUnspecificType(contentType)) {
    return;
  }
  const given = essenceOf(contentType) ?? contentType ?? '';
  if (sameFamily(given) === sameFamily(details.contentType)) {
    return;
  }
  throw fail('content_type_mismatch', {
    status: 415,
    message: `This URL is for ${details.contentType}, but the request says ${given}.`,
    details: { declared: details.contentType, received: given },
  });
}

/** HEIC and HEIF are two names of one family. */
function sameFamily(contentType: string): string {
  return contentType.replace('image/heif', 'image/heic');
}
