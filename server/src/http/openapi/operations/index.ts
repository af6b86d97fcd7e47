import type { Operation } from '../operation.ts';
import { directOperations } from './direct.ts';
import { fileOperations } from './files.ts';
import { uploadOperations } from './upload.ts';

/** Everything a caller can do, in the order of the document. */
export const operations: readonly Operation[] = [...uploadOperations, ...directOperations, ...fileOperations];
