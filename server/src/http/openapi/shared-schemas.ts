import { z } from 'zod';
import { allPermissions } from '../../core/access/access.ts';
import { named } from './named.ts';

export const timestamp = z.iso.datetime();

/** Raw bytes of a file. */
export const bytes = named('Bytes', () => z.file().meta({ description: 'The bytes of a file.' }));

export const text = named('Text', () => z.string());

export const permissionList = () => z.array(z.enum(allPermissions));
