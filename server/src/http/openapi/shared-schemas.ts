import { z } from 'zod';
import { named } from './named.ts';

export const timestamp = z.iso.datetime();

/** Raw bytes of a file. */
export const bytes = named('Bytes', () => z.file().meta({ description: 'The bytes of a file.' }));

export const text = named('Text', () => z.string());
