import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { findDriver } from '../channels/index.ts';
import type { ChannelConfig } from '../config/channels.ts';
import type { Config } from '../config.ts';
import type { Channel } from '../core/channel.ts';
import type { MetadataStore } from '../core/metadata.ts';
import { testChannelSteps } from '../core/storage/test-channel.ts';
import { prepareDataFolder } from '../data-folder.ts';
import { createProber } from '../images/prober.ts';
import { findLeftChannels, leftChannelAdvice } from '../left-channels.ts';
import { openMetadata } from '../metadata/index.ts';
import { sharingProblems } from '../nodes.ts';
import { inspectPrivacy } from '../private-files.ts';
import { checkAccess, checkSightings } from './doctor-access.ts';
import { explainError } from './explain.ts';
import { loadConfigOrExplain } from './load.ts';
import { metadataOptions } from './metadata-options.ts';
import { readArguments } from './read-arguments.ts';
import { whyNoLibrary } from './with-metadata.ts';

const usage = `Usage: stowage doctor [--fix]

Checks the configuration, the data folder and the database, and stores, reads and deletes a small file on every channel. Changes nothing else.

  --fix   write the CORS rules that buckets lack, where the setting manageCors allows it

Exit code: 0 when all is well, 1 when anything failed.
`;

/**
 * Checks everything with real operations and prints one line per result. Returns 1 when anything
 * failed.
 */
export async function doctor(args: readonly string[]): Promise<number> {
  const given = readArguments(args, {
    usage,
    options: { fix: { type: 'boolean', default: false } },
  });
  if (typeof given === 'number') {
    return given;
  }
  const config = loadConfigOrExplain();
  if (config === undefined) {
    return 1;
  }
  const report = createReport();
  report.pass('configuration', config.configFile ?? 'environment only');
  report.pass('runtime', `Node ${process.versions.node}`);
  const hasFolder = await checkDataFolder(config, report);
  for (const problem of sharingProblems(config)) {
    report.fail('nodes', problem);
  }
  for (const warning of inspectPrivacy(config.dataDir).warnings) {
    report.note('data folder', warning);
  }
  checkAccess(config, report);
  const ids = await checkDatabase(config, report);
  for (const entry of config.channels) {
    const check = {
      entry,
      config,
      report,
      fix: given.values.fix,
      id: entry.id ?? ids.get(channelTitle(entry)),
    };
    if (hasFolder || entry.type !== 'local') {
      await checkChannel(check);
    } else {
      report.note(
        `channel ${channelTitle(entry)}`,
        'not tried: the data folder does not exist yet',
      );
    }
  }
  return report.failed() ? 1 : 0;
}

interface Report {
  pass(what: string, detail: string): void;
  /** Worth knowing, but not a failure. */
  note(what: string, detail: string): void;
  fail(what: string, detail: string): void;
  run<T extends { toString(): string }>(
    what: string,
    work: () => Promise<T>,
  ): Promise<T | undefined>;
  /** As `run`, but prints only failures. */
  try<T>(what: string, work: () => Promise<T>): Promise<T | undefined>;
  failed(): boolean;
}

function createReport(): Report {
  let failures = 0;
  const print = (mark: string, what: string, detail: string): void =>
    void process.stdout.write(`${mark} ${what}: ${detail}\n`);
  const report: Report = {
    pass: (what, detail) => print('ok  ', what, detail),
    note: (what, detail) => print('note', what, detail),
    fail(what, detail) {
      failures++;
      print('FAIL', what, detail);
    },
    async run(what, work) {
      const result = await report.try(what, work);
      if (result !== undefined) {
        report.pass(what, String(result));
      }
      return result;
    },
    async try(what, work) {
      try {
        return await work();
      } catch (error) {
        report.fail(what, explainError(error));
        return undefined;
      }
    },
    failed: () => failures > 0,
  };
  return report;
}

/** False when the folder does not exist yet, which is not a failure. */
async function checkDataFolder({ dataDir }: Config, report: Report): Promise<boolean> {
  if (!existsSync(dataDir)) {
    report.note('data folder', `${dataDir} does not exist yet: the first start makes it`);
    return false;
  }
  await report.run('data folder', async () => {
    await prepareDataFolder(dataDir);
    const { bavail, bsize } = await statfs(dataDir);
    return `${dataDir}, ${((Number(bavail) * Number(bsize)) / 2 ** 30).toFixed(1)} GiB free`;
  });
  return true;
}

/** The ids of channels by title, for those that the database knows. */
async function checkDatabase(config: Config, report: Report): Promise<ReadonlyMap<string, string>> {
  if (whyNoLibrary(config) !== undefined) {
    report.note('database', `there is none yet in ${config.dataDir}: the first start makes it`);
    return new Map();
  }
  const found = await report.run('database', () => lookAtDatabase(config));
  if (found === undefined) {
    return new Map();
  }
  const { store, pending } = found;
  try {
    if (pending.length > 0) {
      const count =
        pending.length === 1 ? '1 migration waits' : `${pending.length} migrations wait`;
      report.note(
        'database',
        `${count} (${pending.join(', ')}): the next start of the server runs them, or \`stowage migrate\``,
      );
      return new Map();
    }
    await checkSightings(config, store, report);
    for (const left of await findLeftChannels(config.channels, store)) {
      report.fail(`channel ${channelTitle(left)}`, leftChannelAdvice(left));
    }
    return new Map(
      (await store.channels.list()).map(({ id, type, name }) => [channelTitle({ type, name }), id]),
    );
  } finally {
    await store.close();
  }
}

interface Database {
  readonly store: MetadataStore;
  readonly pending: readonly string[];
  toString(): string;
}

async function lookAtDatabase(config: Config): Promise<Database> {
  const store = await openMetadata(metadataOptions(config));
  try {
    const pending = await store.pendingMigrations();
    await store.check();
    return {
      store,
      pending,
      toString: () =>
        config.databaseUrl === undefined ? 'SQLite in the data folder' : 'PostgreSQL',
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

function channelTitle({ type, name }: Pick<ChannelConfig, 'type' | 'name'>): string {
  return `${type}/${name}`;
}

const channelTimeoutMs = 120_000;

interface ChannelCheck {
  readonly entry: ChannelConfig;
  /** Undefined before the first start. */
  readonly id: string | undefined;
  readonly config: Config;
  readonly report: Report;
  readonly fix: boolean;
}

/** Uses the channel as the server would, but without retries: a failure is reported at once. */
async function checkChannel(check: ChannelCheck): Promise<void> {
  const { entry, id, config, report } = check;
  const title = `channel ${channelTitle(entry)}${id === undefined ? '' : ` (id ${id})`}`;
  const opened = await report.try(title, async () =>
    findDriver(entry.type)?.create(entry.settings, {
      dataDir: config.dataDir,
      prober: createProber(),
    }),
  );
  if (opened === undefined) {
    return;
  }
  try {
    const works = await report.run(title, () => roundTrip(opened));
    if (works !== undefined) {
      await report.try(title, async () => inspect(opened, { title, check }));
    }
  } finally {
    await opened.close?.();
  }
}

async function roundTrip(channel: Channel): Promise<string> {
  const steps = await testChannelSteps(channel, AbortSignal.timeout(channelTimeoutMs));
  const said = steps.map(
    ({ step, durationMs, error, notice }) =>
      `${step} ${error === undefined ? `${durationMs} ms` : `failed: ${error}`}${notice === undefined ? '' : ` (${notice})`}`,
  );
  if (steps.some((step) => !step.ok)) {
    throw new Error(said.join(', '));
  }
  return said.join(', ');
}

/** What is set up at the store itself. */
async function inspect(
  channel: Channel,
  { title, check }: { readonly title: string; readonly check: ChannelCheck },
): Promise<void> {
  const { config, report, fix } = check;
  const findings = await channel.inspect?.({
    origins: config.cors.origins,
    mayChange: fix,
    signal: AbortSignal.timeout(channelTimeoutMs),
  });
  for (const { topic, ok, message } of findings ?? []) {
    report[ok ? 'pass' : 'note'](`${title} ${topic}`, message);
  }
}
