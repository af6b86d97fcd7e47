import type { Api } from '../api.ts';
import { describeRoutes } from './describe-route.ts';
import type { Operation } from './operation.ts';
import { tags } from './tags.ts';

/** All operations, in the order of the document. */
export function operationsOf(apis: readonly Api[]): readonly Operation[] {
  const all = apis.flatMap(describeRoutes);
  return tags.flatMap(({ name }) => all.filter(({ tag }) => tag === name));
}
