import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type S3Service, s3Missing, startS3 } from '../../../test/services/s3.ts';
import { testSettings } from '../../../test/services/s3-bucket.ts';

const run = promisify(execFile);
const script = fileURLToPath(
  new URL('../../../test/fixtures/s3-channel/put-in-child.ts', import.meta.url),
);
/** As the launcher starts the server. */
const flags = ['--max-semi-space-size=8', '--heap-growing-percent=100', '--expose-gc'];

describe.skipIf(s3Missing !== undefined)('memory while streaming', () => {
  let service: S3Service;
  beforeAll(async () => {
    service = await startS3();
    await service.createBucket('memory');
  });
  afterAll(() => service?.stop());

  it.each([
    ['of unknown size', false],
    ['of known size', true],
  ])('256 MiB %s grow the process by less than 40 MiB', { timeout: 120_000 }, async (_, known) => {
    const { endpoint, accessKeyId, secretAccessKey } = service;
    const settings = testSettings({ endpoint, accessKeyId, secretAccessKey, bucket: 'memory' });
    const input = JSON.stringify({ settings, sizeBytes: 256 * 2 ** 20, known });
    const { stdout } = await run(process.execPath, [...flags, script, input]);
    const { grownBytes, stored } = JSON.parse(stdout) as { grownBytes: number; stored: number };
    expect(stored).toBe(256 * 2 ** 20);
    expect(grownBytes).toBeLessThan(40 * 2 ** 20);
  });
});
