/** Milliseconds since the epoch. Passed in everywhere, so that tests can set the time. */
export type Clock = () => number;

export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;
