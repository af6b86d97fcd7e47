import { z } from 'zod';
import { jsonFailuresUpTo } from '../body/json-body.ts';
import type { Failure } from '../failure.ts';
import { foreignPage } from '../foreign-page.ts';
import { named } from '../openapi/named.ts';
import { credentialLimits, missingCredentials } from './read-credentials.ts';

/** Of routes that read credentials from a JSON body. */
export const credentialFailures: readonly Failure[] = [
  missingCredentials,
  foreignPage,
  ...jsonFailuresUpTo(credentialLimits.maxBytes),
];

export const signedIn = named('SignedIn', () => z.strictObject({ success: z.literal(true) }));
