import { statfs } from 'node:fs/promises';
import { findDriver } from '../channels/index.ts';
import type { S3Channel } from '../channels/s3/channel.ts';
import type { ChannelConfig } from '../config/channels.ts';
import { authCodeWarning, type Config } from '../config.ts';
import type { Channel } from '../core/channel.ts';
import type { MetadataStore } from '../core/metadata.ts';
import { testChannelSteps } from '../core/test-channel.ts';
import { prepareDataFolder } from '../data-folder.ts';
import { lastSighting, proxyAdvice } from '../http/proxy-watch.ts';
import { openMetadata } from '../metadata/index.ts';
import { sharingProblems } from '../nodes.ts';
import { inspectPrivacy } from '../private-files.ts';
import { explainError } from './explain.ts';
import { loadConfigOrExplain } from './load.ts';
import { metadataOptions } from './metadata-options.ts';

/** Tries everything for real and says how it went, a line each; 1 when anything failed. */
export async function doctor(): Promise<number> {
  const config = loadConfigOrExplain();
  if (config === undefined) return 1;
  const report = createReport();
  report.pass('configuration', config.configFile ?? 'environment only');
  report.pass('runtime', `Node ${process.versions.node}`);
  await report.run('data folder', () => checkDataFolder(config));
  for (const problem of sharingProblems(config)) report.fail('nodes', problem);
  for (const warning of inspectPrivacy(config.dataDir).warnings) report.note('data folder', warning);
  checkAuthCode(config, report);
  const metadata = await report.run('database', () => checkDatabase(config));
  if (metadata !== undefined) {
    await checkProxies(config, metadata.store, report);
    await metadata.store.close();
  }
  for (const entry of config.channels) await checkChannel(entry, config, report);
  return report.failed() ? 1 : 0;
}

interface Report {
  pass(what: string, detail: string): void;
  /** Something to know that is no failure. */
  note(what: string, detail: string): void;
  fail(what: string, detail: string): void;
  run<T extends { toString(): string }>(what: string, work: () => Promise<T>): Promise<T | undefined>;
  failed(): boolean;
}

function createReport(): Report {
  let failures = 0;
  const say = (mark: string, what: string, detail: string): void => void process.stdout.write(`${mark} ${what}: ${detail}\n`);
  const report: Report = {
    pass: (what, detail) => say('ok  ', what, detail),
    note: (what, detail) => say('note', what, detail),
    fail(what, detail) {
      failures++;
      say('FAIL', what, detail);
    },
    async run(what, work) {
      try {
        const result = await work();
        report.pass(what, String(result));
        return result;
      } catch (error) {
        report.fail(what, explainError(error));
        return undefined;
      }
    },
    failed: () => failures > 0,
  };
  return report;
}

async function checkDataFolder(config: Config): Promise<string> {
  await prepareDataFolder(config.dataDir);
  const { bavail, bsize } = await statfs(config.dataDir);
  return `${config.dataDir}, ${((Number(bavail) * Number(bsize)) / 2 ** 30).toFixed(1)} GiB free`;
}

async function checkDatabase(config: Config): Promise<{ readonly store: MetadataStore; toString(): string }> {
  const store = await openMetadata(await metadataOptions(config));
  await store.migrate();
  await store.check();
  return { store, toString: () => (config.databaseUrl === undefined ? 'SQLite in the data folder' : 'PostgreSQL') };
}

/** What callers are known by, and whether that was contradicted by what came in. */
async function checkProxies({ trustProxy }: Config, metadata: MetadataStore, report: Report): Promise<void> {
  const title = 'reverse proxy';
  if (trustProxy === true)
    report.note(
      title,
      'every header is believed (true): right only when a proxy overwrites them. A number of proxies, or addresses, is safer',
    );
  else if (trustProxy === false)
    report.pass(
      title,
      'none is trusted: callers are the addresses that connect. Behind a proxy set STOWAGE_TRUST_PROXY to its address',
    );
  else
    report.pass(
      title,
      typeof trustProxy === 'number'
        ? `the nearest ${trustProxy} may name the caller`
        : `${trustProxy.join(', ')} may name the caller`,
    );
  const seen = await lastSighting(metadata, trustProxy);
  if (seen !== undefined) report.note(title, `seen at ${new Date(seen.at).toISOString()}: ${proxyAdvice(seen)}`);
}

function checkAuthCode(config: Config, report: Report): void {
  const warning = authCodeWarning(config);
  if (warning !== undefined) report.note('upload code', warning);
}

const channelTimeoutMs = 120_000;

/** As the server would use it, but without its patience: what goes wrong is said at once. */
async function checkChannel(entry: ChannelConfig, config: Config, report: Report): Promise<void> {
  const title = `channel ${entry.type}/${entry.name}`;
  const channel = await findDriver(entry.type)?.create(entry.settings, { dataDir: config.dataDir });
  if (channel === undefined) return report.fail(title, 'There is no driver for this type.');
  try {
    const works = await report.run(title, () => roundTrip(channel));
    if (works !== undefined && isS3(channel)) await checkCors(channel, { title, origins: config.cors.origins, report });
  } finally {
    await channel.close?.();
  }
}

async function roundTrip(channel: Channel): Promise<string> {
  const steps = await testChannelSteps(channel, AbortSignal.timeout(channelTimeoutMs));
  const said = steps.map(
    ({ step, durationMs, error, notice }) =>
      `${step} ${error === undefined ? `${durationMs} ms` : `failed: ${error}`}${notice === undefined ? '' : ` (${notice})`}`,
  );
  if (steps.some((step) => !step.ok)) throw new Error(said.join(', '));
  return said.join(', ');
}

function isS3(channel: Channel): channel is S3Channel {
  return 'ensureCors' in channel;
}

interface CorsCheck {
  readonly title: string;
  readonly origins: readonly string[];
  readonly report: Report;
}

/** Pages upload straight to the bucket, which has to allow their origins. Programs need none of this: no failure. */
async function checkCors(channel: S3Channel, { title, origins, report }: CorsCheck): Promise<void> {
  try {
    const found = await channel.ensureCors(origins, { signal: AbortSignal.timeout(channelTimeoutMs) });
    const allowed = `uploads from ${origins.join(', ')} are allowed`;
    if ('message' in found) report.note(`${title} CORS`, `${found.message} Browsers need ${JSON.stringify(found.rule)}`);
    else report.pass(`${title} CORS`, found.state === 'changed' ? `${allowed} as of now` : allowed);
  } catch (error) {
    report.note(`${title} CORS`, error instanceof Error ? error.message : String(error));
  }
}
