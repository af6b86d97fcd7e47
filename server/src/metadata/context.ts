import type { Flavor } from './flavor.ts';
import type { Engine } from './work.ts';

/** What each part of the store works with. */
export interface Context {
  readonly flavor: Flavor;
  readonly engine: Engine;
}
