/** Milliseconds since the epoch. Passed in everywhere, so that tests can set the time. */
export type Clock = () => number;

export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

/**
 * Later than the slowest upload could end: an object is an orphan only when its upload is long
 * over.
 */
export const orphanAfterMs = 7 * dayMs;
