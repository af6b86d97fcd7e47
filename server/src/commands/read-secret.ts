import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';

/**
 * Reads all of standard input; on a terminal one line, which is not shown. Rejects when the person
 * ends it by Ctrl-C.
 */
export async function readSecret(prompt: string): Promise<string> {
  if (!process.stdin.isTTY) {
    return text(process.stdin);
  }
  process.stderr.write(prompt);
  // The interface echoes what is typed to its output: this one drops it.
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  lines.once('line', resolve);
  lines.once('close', () => reject(new Error('No password was given.')));
  try {
    return await promise;
  } finally {
    lines.close();
    process.stderr.write('\n');
  }
}
