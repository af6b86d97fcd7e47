import { join } from 'node:path';
import { configFile } from '../backup/manifest.ts';
import { type RestoreResult, restoreBackup } from '../backup/restore-backup.ts';
import type { Config } from '../config.ts';
import { loadConfigOrExplain } from './load.ts';
import { orExplain, sizeText, untilStopped } from './long-run.ts';
import { readArguments } from './read-arguments.ts';

const usage = `Usage:
  stowage restore SOURCE

Brings a backup into the configured data folder, which must be empty. SOURCE is a backup, or a folder of backups: then the newest is taken. Every file is
compared with its hash. After an interruption, run the same command again to resume.

Exit code: 0 complete, 1 not restored, 3 complete, but objects are missing or damaged. See docs/backup.md.
`;

export async function restore(args: readonly string[]): Promise<number> {
  const given = readArguments(args, {
    usage,
    options: {},
    words: { min: 1, max: 1, missing: 'Name one backup.' },
  });
  if (typeof given === 'number') {
    return given;
  }
  const [source = ''] = given.positionals;
  const config = loadConfigOrExplain();
  if (config === undefined) {
    return 1;
  }
  const result = await untilStopped((signal) =>
    orExplain(restoreBackup({ config, signal, source })),
  );
  if (result === undefined) {
    return 1;
  }
  report(result, config);
  return result.problems.length === 0 ? 0 : 3;
}

function report(
  { folder, manifest, objects, bytes, problems }: RestoreResult,
  config: Config,
): void {
  process.stdout.write(`Restored into ${config.dataDir}: ${objects} objects (${sizeText(bytes)}) from ${folder}
  ${manifest.secretKey === null ? 'no secret key was in it: the server needs the one it had' : 'the secret key is the one of the backup'}
`);
  if (manifest.config !== null) {
    process.stdout.write(
      `  the configuration of the backup is ${join(folder, configFile)}; it is not put in place\n`,
    );
  }
  if (manifest.environment.length > 0) {
    process.stdout.write(
      `  these variables were set when it was made: ${manifest.environment.join(', ')}\n`,
    );
  }
  for (const { path, problem } of problems) {
    process.stderr.write(`  ${path} is ${problem}\n`);
  }
}
