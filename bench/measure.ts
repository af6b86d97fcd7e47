import { readFileSync } from 'node:fs';
import { settle } from './disk.ts';
import { machineCpuSeconds, resetPeak, untilQuiet, usageOf } from './machine.ts';
import type { Outcome } from './scenarios.ts';
import type { Subject } from './subject.ts';

export interface Measurement extends Outcome {
  readonly scenario: string;
  readonly subject: string;
  readonly round: number;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  /**
   * CPU seconds that neither the server nor the load took, the kernel's write-back included, for
   * each second: noise.
   */
  readonly elsewhere: number;
  /** Whether the machine was quiet before. */
  readonly quiet: boolean;
}

export interface MeasureOptions {
  readonly scenario: string;
  readonly round: number;
  readonly quietLimitMs: number;
}

/**
 * Runs the work on a quiet machine with everything else written out, and says what the subject took
 * for it.
 */
export async function measure(
  subject: Subject,
  work: () => Promise<Outcome>,
  options: MeasureOptions,
): Promise<Measurement> {
  settle();
  const quiet = await untilQuiet(options.quietLimitMs);
  resetPeak(subject.pid);
  const before = {
    own: usageOf(subject.pid),
    load: loadCpuSeconds(),
    machine: machineCpuSeconds(),
  };
  const outcome = await work();
  const own = usageOf(subject.pid);
  const cpuSeconds = own.cpuSeconds - before.own.cpuSeconds;
  const elsewhere =
    machineCpuSeconds() - before.machine - cpuSeconds - (loadCpuSeconds() - before.load);
  return {
    ...outcome,
    scenario: options.scenario,
    subject: subject.name,
    round: options.round,
    cpuSeconds,
    peakBytes: own.peakBytes,
    elsewhere: Math.max(0, elsewhere / outcome.seconds),
    quiet,
  };
}

/**
 * What this process and the load generators that have ended took: utime, stime, cutime and cstime.
 */
function loadCpuSeconds(): number {
  const text = readFileSync('/proc/self/stat', 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
}
