/**
 * Called with the number of bytes sent so far, which never shrinks, and once more with all of them
 * at the end.
 */
export type OnProgress = (doneBytes: number, totalBytes: number) => void;

export interface Progress {
  readonly onSent: ((bytes: number) => void) | undefined;
  done(): void;
}

/**
 * A retried request starts over without moving progress back. All bytes are reported only once the
 * server has responded.
 */
export function progressOf(totalBytes: number, onProgress: OnProgress | undefined): Progress {
  let reported = -1;
  const report = (bytes: number) => {
    if (bytes <= reported) {
      return;
    }
    reported = bytes;
    onProgress?.(bytes, totalBytes);
  };
  return {
    onSent: onProgress && ((bytes) => report(Math.min(bytes, totalBytes - 1))),
    done: () => report(totalBytes),
  };
}
