import type { Api } from '../api.ts';
import { operationsOf as described } from './describe-route.ts';
import type { Operation } from './operation.ts';
import { operations } from './operations/index.ts';
import { tags } from './tags.ts';

/** Everything a caller can do, in the order of the document. */
export function operationsOf(apis: readonly Api[]): readonly Operation[] {
  const all = [...operations, ...apis.flatMap(described)];
  return tags.flatMap(({ name }) => all.filter(({ tag }) => tag === name));
}
