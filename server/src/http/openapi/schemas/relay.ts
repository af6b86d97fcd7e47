import { z } from 'zod';
import { named } from '../named.ts';
import { timestamp } from './common.ts';

export const relayForm = named(
  'RelayForm',
  z.object({ file: z.file().meta({ description: 'The file. Any other name of the one file part is taken too.' }) }),
);

export const relayFormAnswer = named(
  'RelayFormAnswer',
  z.strictObject({
    result: z.strictObject({
      id: z.uuid(),
      filename: z.string(),
      uploaded: timestamp,
      requireSignedURLs: z.literal(false),
      variants: z.array(z.string()).max(0),
    }),
    success: z.literal(true),
    errors: z.array(z.unknown()).max(0),
    messages: z.array(z.unknown()).max(0),
  }),
);
