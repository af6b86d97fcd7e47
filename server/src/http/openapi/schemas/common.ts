import { z } from 'zod';
import { named } from '../named.ts';

export const timestamp = z.iso.datetime();

/** Raw bytes of a file. */
export const bytes = named('Bytes', z.file().meta({ description: 'The bytes of a file.' }));

export const text = named('Text', z.string());

export const plainError = named(
  'PlainError',
  z
    .strictObject({ error: z.string(), retryable: z.boolean() })
    .meta({ description: 'How addresses that belong to neither API say a failure.' }),
);
