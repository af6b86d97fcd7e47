import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { siblingModule } from '../../core/sibling-module.ts';

export interface Packed {
  readonly gzipped: Buffer;
  readonly etag: string;
}

const run = promisify(execFile);
const packer = fileURLToPath(siblingModule(import.meta.url, 'pack-renderer'));

/** The script of the page, made when the page is first opened, then kept (1.4 MB). */
export async function loadRendererScript(): Promise<Packed> {
  const { stdout } = await run(process.execPath, [packer], {
    encoding: 'buffer',
    env: {},
    maxBuffer: 64 * 2 ** 20,
  });
  return { gzipped: stdout, etag: etagOf(stdout) };
}

/** A strong ETag, for a response that is made once. */
export function etagOf(content: string | Buffer): string {
  return `"${createHash('sha256').update(content).digest('hex').slice(0, 32)}"`;
}
