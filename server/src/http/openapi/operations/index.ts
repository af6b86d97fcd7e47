import type { Operation } from '../operation.ts';
import { accountOperations } from './account.ts';
import { directOperations } from './direct.ts';
import { fileOperations } from './files.ts';
import { mediaOperations } from './media.ts';
import { relayOperations } from './relay.ts';
import { uploadOperations } from './upload.ts';

/** Everything a caller can do, in the order of the document. */
export const operations: readonly Operation[] = [
  ...mediaOperations,
  ...relayOperations,
  ...accountOperations,
  ...uploadOperations,
  ...directOperations,
  ...fileOperations,
];
