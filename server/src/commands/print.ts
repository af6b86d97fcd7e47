/**
 * To the person at the terminal. Where standard output cannot be written (a file on a full disk),
 * that is no reason to end.
 */
export function print(text: string): void {
  try {
    process.stdout.write(text);
  } catch {
    // A file is written at once, and throws.
  }
}

process.stdout.on('error', () => undefined);
