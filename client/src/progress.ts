/**
 * Called with the bytes that were sent so far, which only grow, and at the end with all of them.
 */
export type OnProgress = (doneBytes: number, totalBytes: number) => void;

export interface Progress {
  readonly onSent: ((bytes: number) => void) | undefined;
  done(): void;
}

/**
 * A repeated request begins anew and is no step back; all bytes are reported only once the server
 * has responded.
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
