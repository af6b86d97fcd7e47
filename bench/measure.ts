import { syncFileSystem } from './disk.ts';
import { loadCpuSeconds, machineCpuSeconds, resetPeak, untilQuiet, usageOf } from './machine.ts';
import type { Outcome } from './outcome.ts';
import type { Work } from './scenarios/scenario.ts';
import type { Subject } from './subject.ts';

export interface Measurement extends Outcome {
  readonly scenario: string;
  readonly subject: string;
  readonly round: number;
  /** Of the server, all its processes and threads. */
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  /** Cores that the load generator took, and a sync that it waited for. */
  readonly loadCores: number;
  /**
   * Cores that neither the server nor the load took: the kernel's write-back, a database, and
   * noise.
   */
  readonly elsewhereCores: number;
  /** Whether the machine was quiet before. */
  readonly quiet: boolean;
}

export interface MeasureOptions {
  readonly scenario: string;
  readonly round: number;
  readonly quietLimitMs: number;
  /** On the disk of the subject. */
  readonly folder: string;
}

/**
 * Does the work on a quiet machine with everything before it written out, and returns what the
 * subject took for it.
 */
export async function measure(
  subject: Subject,
  work: Work,
  { scenario, round, quietLimitMs, folder }: MeasureOptions,
): Promise<Measurement> {
  await syncFileSystem(folder);
  const quiet = await untilQuiet(quietLimitMs);
  resetPeak(subject.pid);
  const before = snapshot(subject.pid);
  const outcome = await work();
  const after = snapshot(subject.pid);
  const cpuSeconds = after.own.cpuSeconds - before.own.cpuSeconds;
  const load = after.load - before.load;
  const elsewhere = after.machine - before.machine - cpuSeconds - load;
  return {
    ...outcome,
    scenario,
    subject: subject.name,
    round,
    cpuSeconds,
    peakBytes: after.own.peakBytes,
    loadCores: load / outcome.seconds,
    elsewhereCores: Math.max(0, elsewhere / outcome.seconds),
    quiet,
  };
}

function snapshot(pid: number) {
  return { own: usageOf(pid), load: loadCpuSeconds(), machine: machineCpuSeconds() };
}
