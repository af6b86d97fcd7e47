import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Visitor } from '../../core/access/sessions.ts';
import { readJsonObject } from '../body/json-body.ts';
import { failed } from '../failure.ts';
import { foreignPage, isForeign } from '../foreign-page.ts';
import type { Context } from '../route.ts';

const maxBytes = 16 * 1024;
const maxTextLength = 4096;

export const missingCredentials = {
  code: 'validation_error',
  as: 'credentials',
  message: 'The body must be a JSON object with the credentials as texts.',
} as const;

/** Limits of a body with credentials. */
export const credentialLimits = { maxBytes };

/**
 * Reads these members of the JSON body, all of them texts. A page of another site must not sign its
 * visitors in as someone else.
 */
export async function readCredentials<Name extends string>(
  { request, deps }: Context,
  names: readonly Name[],
): Promise<Readonly<Record<Name, string>>> {
  if (isForeign(request.raw, deps.settings)) {
    throw failed(foreignPage);
  }
  const body = await readJsonObject(request.raw, credentialLimits);
  const texts = z.record(z.enum(names as [Name, ...Name[]]), z.string().max(maxTextLength));
  const read = texts.safeParse(Object.fromEntries(names.map((name) => [name, body[name]])));
  if (!read.success) {
    throw failed(missingCredentials);
  }
  return read.data as Record<Name, string>;
}

export function visitorOf({ ip, headers }: FastifyRequest): Visitor {
  return { address: ip, userAgent: headers['user-agent'] ?? '' };
}
