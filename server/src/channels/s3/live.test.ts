import { tmpdir } from 'node:os';
import { channelConformance } from '../../../test/conformance/channel.ts';
import { createProber } from '../../images/prober.ts';
import { findDriver } from '../index.ts';

// docs/channels/s3.md: a run against a real service, for whoever has a bucket to spare
const { STOWAGE_LIVE_S3 } = process.env;

if (STOWAGE_LIVE_S3) {
  const { type = 's3', ...settings } = JSON.parse(STOWAGE_LIVE_S3);
  const driver = findDriver(type);
  if (driver === undefined) {
    throw new Error(`no channel type ${type}`);
  }
  channelConformance(`${type}, live`, {
    create: async () => ({
      channel: await driver.create(settings, { dataDir: tmpdir(), prober: createProber() }),
    }),
    slow: true,
    secrets: [settings.secretAccessKey],
  });
} else {
  const { it } = await import('vitest');
  it.skip('live: set STOWAGE_LIVE_S3 to the settings of a channel as JSON');
}
