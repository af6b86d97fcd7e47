import type { FastifyRequest } from 'fastify';
import { cleanFolder } from '../../../core/naming/folder.ts';
import type { ChunkedStep } from '../../../core/uploads/chunked/sessions.ts';
import type { Fields } from '../../body/urlencoded-form.ts';
import type { HttpDeps } from '../../deps.ts';
import { type Failure, failed } from '../../failure.ts';
import { queryOf } from '../../query.ts';
import { boundedText } from '../bounded-text.ts';
import { openForm } from '../open-form.ts';
import { namingOf } from '../query.ts';

/** Fields of a step that carries no file, from multipart or urlencoded forms alike. */
export async function readFields(request: FastifyRequest, deps: HttpDeps): Promise<Fields> {
  // A query is enough for clients that send no body at all.
  if (request.headers['content-type'] === undefined) {
    return Object.create(null);
  }
  return openForm(request, deps).rest();
}

/** A whole decimal number, or NaN. */
export function wholeNumber(text: string | undefined): number {
  return text !== undefined && /^\s*\d{1,15}\s*$/.test(text) ? Number(text) : Number.NaN;
}

/**
 * What chunk and merge requests have in common; `missing` is the failure when a field is absent.
 */
export function readStep(request: FastifyRequest, fields: Fields, missing: Failure): ChunkedStep {
  const { uploadId, totalChunks, originalFileName } = fields;
  if (!uploadId || !totalChunks || !originalFileName) {
    throw failed(missing);
  }
  const { nameMode, fullUrl, uploadFolder } = namingOf(queryOf(request.url), fields);
  return {
    uploadId: boundedText(uploadId, 'uploadId', 'type'),
    totalChunks: wholeNumber(totalChunks),
    filename: boundedText(originalFileName, 'originalFileName', 'name'),
    nameMode,
    fullUrl,
    folder: uploadFolder && cleanFolder(uploadFolder),
  };
}
