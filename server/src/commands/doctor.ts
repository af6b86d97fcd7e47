import { access, constants, statfs } from 'node:fs/promises';
import { buildChannels } from '../build-channels.ts';
import type { Config } from '../config.ts';
import { silentLog } from '../core/log.ts';
import type { MetadataStore } from '../core/metadata.ts';
import { testChannelSteps } from '../core/test-channel.ts';
import { openMetadata } from '../metadata/index.ts';
import { createMetrics } from '../metrics/index.ts';
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
  const metadata = await report.run('database', () => checkDatabase(config));
  if (metadata !== undefined) {
    await checkChannels(config, metadata.store, report);
    await metadata.store.close();
  }
  return report.failed() ? 1 : 0;
}

interface Report {
  pass(what: string, detail: string): void;
  fail(what: string, detail: string): void;
  run<T extends { toString(): string }>(what: string, work: () => Promise<T>): Promise<T | undefined>;
  failed(): boolean;
}

function createReport(): Report {
  let failures = 0;
  const say = (mark: string, what: string, detail: string): void => void process.stdout.write(`${mark} ${what}: ${detail}\n`);
  const report: Report = {
    pass: (what, detail) => say('ok  ', what, detail),
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
        report.fail(what, error instanceof Error ? error.message : String(error));
        return undefined;
      }
    },
    failed: () => failures > 0,
  };
  return report;
}

async function checkDataFolder(config: Config): Promise<string> {
  await metadataOptions(config);
  await access(config.dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  const { bavail, bsize } = await statfs(config.dataDir);
  return `${config.dataDir}, ${((Number(bavail) * Number(bsize)) / 2 ** 30).toFixed(1)} GiB free`;
}

async function checkDatabase(config: Config): Promise<{ readonly store: MetadataStore; toString(): string }> {
  const store = await openMetadata(await metadataOptions(config));
  await store.migrate();
  await store.check();
  return { store, toString: () => (config.databaseUrl === undefined ? 'SQLite in the data folder' : 'PostgreSQL') };
}

async function checkChannels(config: Config, metadata: MetadataStore, report: Report): Promise<void> {
  const metrics = createMetrics(async () => 0);
  for (const entry of config.channels) {
    const title = `channel ${entry.type}/${entry.name}`;
    await report.run(title, async () => {
      const [built] = await buildChannels({
        config: { ...config, channels: [entry] },
        metadata,
        metrics,
        log: silentLog,
        now: Date.now,
      });
      if (built === undefined) throw new Error('It cannot be built.');
      const steps = await testChannelSteps(built.channel, AbortSignal.timeout(120_000));
      await built.channel.close?.();
      const failed = steps.find((step) => !step.ok);
      if (failed) throw new Error(`${failed.step}: ${failed.error}`);
      return steps.map((step) => `${step.step} ${step.durationMs} ms`).join(', ');
    });
  }
}
