import type { Outcome } from '../outcome.ts';
import type { Samples } from '../samples.ts';
import type { Subject } from '../subject.ts';

export interface Scenario {
  readonly id: string;
  readonly title: string;
  /** The scenario whose figures of nginx and tus this is compared with; its own when absent. */
  readonly comparedWith?: string | undefined;
  /**
   * Undefined when the subject cannot do it. Preparing and warming up are not measured, only what
   * the returned function does.
   */
  prepare(subject: Subject, context: Context): Promise<Work | undefined>;
}

export type Work = () => Promise<Outcome>;

export interface Context {
  readonly samples: Samples;
  /** How long requests of the small kind go on. */
  readonly seconds: number;
  /** How many requests of the small kind come before the measured ones. */
  readonly warmUp: number;
  /** How many are measured where each can be sent only once. */
  readonly once: number;
}
