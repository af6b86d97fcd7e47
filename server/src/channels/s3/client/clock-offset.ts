/**
 * Services refuse signatures that are 15 minutes off. A small difference may come from a slow
 * response and is left alone.
 */
const toleratedMs = 4 * 60_000;

/** The time by the service's clock, as told in its responses. */
export interface ClockOffset {
  now(): number;
  /** `date`: what a response gives as its time, in any form. */
  learn(date: string | undefined): void;
}

export function createClockOffset(): ClockOffset {
  let offsetMs = 0;
  const now = (): number => Date.now() + offsetMs;
  return {
    now,
    learn(date) {
      const told = date === undefined ? Number.NaN : Date.parse(date);
      if (Math.abs(told - now()) >= toleratedMs) {
        offsetMs = told - Date.now();
      }
    },
  };
}
