import type { FastifyRequest } from 'fastify';
import { isUuid } from '../../core/uuid.ts';
import { failed } from '../failure.ts';
import { noSuchMedia } from './media-schemas.ts';

/** Unknown, foreign and malformed ids all read the same. */
export function mediaIdOf(request: FastifyRequest): string {
  const { id } = request.params as { id: string };
  if (!isUuid(id)) {
    throw failed(noSuchMedia);
  }
  return id.toLowerCase();
}
