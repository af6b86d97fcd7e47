import { type BackupResult, makeBackup } from '../backup/make-backup.ts';
import type { Manifest } from '../backup/manifest.ts';
import type { Config } from '../config.ts';
import { loadConfigOrExplain } from './load.ts';
import { orExplain, sizeText, untilStopped } from './long-run.ts';
import { readArguments } from './read-arguments.ts';
import { withMetadata } from './with-metadata.ts';

const usage = `Usage:
  stowage backup TARGET [--full]

Makes a complete backup in a folder of its own below TARGET, also while the server runs: the database, the objects of local channels, the key and the configuration file.
What the backup before it holds already becomes a hard link.

  --full   copy and verify every object again

Exit code: 0 complete, 1 not made, 3 complete, but the library has lost objects itself. See docs/backup.md.
`;

export async function backup(args: readonly string[]): Promise<number> {
  const given = readArguments(args, {
    usage,
    options: { full: { type: 'boolean', default: false } },
    words: { min: 1, max: 1, missing: 'Name one folder for the backup.' },
  });
  if (typeof given === 'number') {
    return given;
  }
  const [target = ''] = given.positionals;
  const { full } = given.values;
  const config = loadConfigOrExplain();
  if (config === undefined) {
    return 1;
  }
  const problem = whyNoBackup(config);
  if (problem !== undefined) {
    return explain(`${problem}\n`, 1);
  }
  return withMetadata(config, async (metadata) => {
    const environment = Object.keys(process.env)
      .filter((name) => /^(STOWAGE_|DATABASE_URL$|REDIS_URL$|HOST$|PORT$)/.test(name))
      .sort();
    const result = await untilStopped((signal) =>
      orExplain(makeBackup({ config, metadata, environment, signal, target, full })),
    );
    if (result === undefined) {
      return 1;
    }
    report(result, config);
    return result.manifest.problems.length === 0 ? 0 : 3;
  });
}

function whyNoBackup({ databaseUrl }: Config): string | undefined {
  if (databaseUrl === undefined) {
    return undefined;
  }
  return 'The metadata is in PostgreSQL, which this command does not copy: use pg_dump, and back up the channels as docs/backup.md describes.';
}

function report({ folder, manifest, copied, linked }: BackupResult, config: Config): void {
  const included = manifest.channels.filter(({ isIncluded }) => isIncluded);
  const objects = included.reduce((sum, channel) => sum + channel.objects, 0);
  const bytes = included.reduce((sum, channel) => sum + channel.bytes, 0);
  print(`Backup complete: ${folder}
  database ${sizeText(manifest.database.bytes)}, ${objects} objects (${sizeText(bytes)}): ${copied} copied, ${linked} linked to the backup before
  ${keyLine(manifest, config)}
  ${manifest.config === null ? 'no configuration file: note the environment variables' : 'the configuration file is in it'}
`);
  for (const { type, name, blobs } of manifest.channels.filter(
    ({ isIncluded, blobs: count }) => !isIncluded && count > 0,
  )) {
    print(`  not in it: the bytes of ${blobs} files on ${type}/${name}, which stay there\n`);
  }
  for (const { path, problem } of manifest.problems) {
    explain(`  lost before this backup: ${path} is ${problem}\n`, 3);
  }
}

function keyLine({ secretKey }: Manifest, config: Config): string {
  if (secretKey !== null) {
    return 'secret.key is in it: keep the backup as private as the data folder';
  }
  return config.secretKey === undefined
    ? 'there is no secret.key yet'
    : 'the secret key is not in it: keep STOWAGE_SECRET_KEY elsewhere';
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function explain(text: string, code: number): number {
  process.stderr.write(text);
  return code;
}
