import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const TICKS_PER_SECOND = 100;

interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly cpuSeconds: number;
}

/** What the processes used so far. */
export interface Usage {
  readonly cpuSeconds: number;
  /** Sum of the highest resident memory of each process since `resetPeak`. */
  readonly peakBytes: number;
}

export function usageOf(root: number): Usage {
  const processes = family(root);
  const cpuSeconds = processes.reduce((sum, { cpuSeconds: own }) => sum + own, 0);
  return { cpuSeconds, peakBytes: processes.reduce((sum, { pid }) => sum + peakOf(pid), 0) };
}

/** Makes the kernel forget the peaks so far. */
export function resetPeak(root: number): void {
  for (const { pid } of family(root)) {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  }
}

/** The process and everything below it. */
function family(root: number): readonly Stat[] {
  const all = readdirSync('/proc').flatMap((name) =>
    /^\d+$/.test(name) ? (statOf(Number(name)) ?? []) : [],
  );
  const members = new Set([root]);
  for (let before = 0; before < members.size; ) {
    before = members.size;
    for (const { pid, parent } of all) {
      if (members.has(parent)) {
        members.add(pid);
      }
    }
  }
  return all.filter(({ pid }) => members.has(pid));
}

function statOf(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in brackets may hold anything: fields are counted from behind it. utime and stime
    // (of all its threads, also those that ended) are the 14th and 15th of all.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return {
      pid,
      parent: Number(fields[1]),
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    };
  } catch {
    return undefined;
  }
}

function peakOf(pid: number): number {
  try {
    return (
      Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) *
      1024
    );
  } catch {
    return 0;
  }
}

/** Seconds of CPU that the machine spent on anything, all cores together. */
export function machineCpuSeconds(): number {
  const [, user, nice, system, , , irq, softirq] =
    readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]?.split(/\s+/).map(Number) ?? [];
  return (
    [user, nice, system, irq, softirq].reduce<number>((sum, ticks) => sum + (ticks ?? 0), 0) /
    TICKS_PER_SECOND
  );
}

/**
 * Waits until the machine does nothing else (under 10 % of one core for a second), at most
 * `limitMs`. Returns whether it came to that.
 */
export async function untilQuiet(limitMs: number): Promise<boolean> {
  for (const until = Date.now() + limitMs; ; ) {
    const before = machineCpuSeconds();
    await pause(1000);
    if (machineCpuSeconds() - before < 0.1) {
      return true;
    }
    if (Date.now() >= until) {
      return false;
    }
  }
}

/** CPU seconds that this process and the load generators that have ended took. */
export function loadCpuSeconds(): number {
  const text = readFileSync('/proc/self/stat', 'utf8');
  // utime, stime, cutime and cstime.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
}
