import type { Log } from '../log.ts';

export interface Poll {
  stop(): Promise<void>;
}

/** Repeats `work` with pauses in between. Failures are logged, the first of several in a row. */
export function poll(work: () => Promise<void>, everyMs: number, log: Log): Poll {
  let running: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  let isFailing = false;
  const turn = async (): Promise<void> => {
    try {
      await work();
      isFailing = false;
    } catch (err) {
      if (!isFailing) {
        log.warn({ err }, 'Could not read the settings in the database; the last ones stay');
      }
      isFailing = true;
    }
    plan();
  };
  const plan = (): void => {
    if (!isStopped) {
      timer = setTimeout(() => {
        running = turn();
      }, everyMs);
      timer.unref();
    }
  };
  plan();
  return {
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
