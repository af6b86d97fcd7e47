import type { Flavor } from './flavor.ts';
import type { Engine } from './work.ts';

/** Shared by all parts of the store. */
export interface Context {
  readonly flavor: Flavor;
  readonly engine: Engine;
}
