import type { Disk } from './disk.ts';
import { type Measurement, measure } from './measure.ts';
import type { Context, Scenario } from './scenarios/scenario.ts';
import type { Subject, SubjectKind } from './subject.ts';

/** Why there is no figure. */
export interface Failure {
  readonly scenario: string;
  readonly subject: string;
  readonly round: number;
  /** What the server answered. */
  readonly reason: string;
  /** The last lines of the server. */
  readonly log: readonly string[];
}

export interface Cell {
  readonly scenario: Scenario;
  readonly kind: SubjectKind;
  readonly round: number;
}

export interface CellOptions {
  readonly disk: Disk;
  readonly context: Context;
  readonly quietLimitMs: number;
}

/**
 * One server does one scenario on a fresh disk. Undefined when it cannot do it. Does not throw:
 * what goes wrong here leaves the other cells alone.
 */
export async function runCell(
  { scenario, kind, round }: Cell,
  { disk, context, quietLimitMs }: CellOptions,
): Promise<Measurement | Failure | undefined> {
  let subject: Subject | undefined;
  try {
    const folder = await disk.fresh();
    subject = await kind.start({ folder });
    const work = await scenario.prepare(subject, context);
    const options = { scenario: scenario.id, round, quietLimitMs, folder };
    return work && (await measure(subject, work, options));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const log = subject?.log() ?? [];
    return { scenario: scenario.id, subject: kind.name, round, reason, log };
  } finally {
    await subject?.stop().catch(complain);
    await disk.clear().catch(complain);
  }
}

function complain(error: unknown): void {
  console.log(`Clearing up failed: ${error instanceof Error ? error.message : error}`);
}

export function isFailure(result: Measurement | Failure): result is Failure {
  return 'reason' in result;
}
