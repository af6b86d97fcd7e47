import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { configFile } from '../backup/manifest.ts';
import { type RestoreResult, restoreBackup } from '../backup/restore-backup.ts';
import type { Config } from '../config.ts';
import { loadConfigOrExplain } from './load.ts';
import { orExplain, sizeText, untilStopped } from './long-run.ts';

const usage = `Usage:
  stowage restore SOURCE

Brings a backup into the configured data folder, which must be empty. SOURCE is a backup, or a folder of backups: then the newest is taken. Every file is
compared with its hash. Interrupted, it is taken up by the same command.

Exit code: 0 complete, 1 not restored, 3 complete, but objects are missing or damaged. See docs/backup.md.
`;

export async function restore(args: readonly string[]): Promise<number> {
  const source = readSource(args);
  if (source === 'help') {
    process.stdout.write(usage);
    return 0;
  }
  if (source === undefined) {
    process.stderr.write(`Name one backup.\n\n${usage}`);
    return 2;
  }
  const config = loadConfigOrExplain();
  if (config === undefined) return 1;
  const result = await untilStopped((signal) => orExplain(restoreBackup({ config, signal, source: source.path })));
  if (result === undefined) return 1;
  report(result, config);
  return result.problems.length === 0 ? 0 : 3;
}

function readSource(args: readonly string[]): { readonly path: string } | 'help' | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { help: { type: 'boolean', short: 'h', default: false } },
    });
    if (values.help || positionals[0] === 'help') return 'help';
    const [path, ...rest] = positionals;
    return path === undefined || rest.length > 0 ? undefined : { path };
  } catch {
    return undefined;
  }
}

function report({ folder, manifest, objects, bytes, problems }: RestoreResult, config: Config): void {
  process.stdout.write(`Restored into ${config.dataDir}: ${objects} objects (${sizeText(bytes)}) from ${folder}
  ${manifest.secretKey === null ? 'no secret key was in it: the server needs the one it had' : 'the secret key is the one of the backup'}
`);
  if (manifest.config !== null)
    process.stdout.write(`  the configuration of the backup is ${join(folder, configFile)}; it is not put in place\n`);
  if (manifest.environment.length > 0)
    process.stdout.write(`  these variables were set when it was made: ${manifest.environment.join(', ')}\n`);
  for (const { path, problem } of problems) process.stderr.write(`  ${path} is ${problem}\n`);
}
