import type { z } from 'zod';
import type { Upload } from '../metadata.ts';
import { own } from '../own.ts';

/**
 * One member of an upload's details, however broken the rest of the row is; undefined when it
 * cannot be read itself.
 */
export function salvage<Value>(
  { details }: Upload,
  name: string,
  schema: z.ZodType<Value>,
): Value | undefined {
  if (typeof details !== 'object' || details === null || Array.isArray(details)) {
    return undefined;
  }
  return schema.safeParse(own(details as Readonly<Record<string, unknown>>, name)).data;
}
