import { afterAll, beforeAll, describe } from 'vitest';
import { channelConformance } from '../../../test/conformance/channel.ts';
import { type S3Service, s3Missing, startS3 } from '../../../test/services/s3.ts';
import { openTestBucket } from '../../../test/services/s3-bucket.ts';

describe.skipIf(s3Missing !== undefined)(
  `S3 on radosgw${s3Missing === undefined ? '' : `: skipped, ${s3Missing}`}`,
  () => {
    let service: S3Service;
    const secrets: string[] = [];
    beforeAll(async () => {
      service = await startS3();
      secrets.push(service.secretAccessKey);
    });
    afterAll(() => service?.stop());

    channelConformance('s3', { create: () => openTestBucket(service), secrets });
  },
);
