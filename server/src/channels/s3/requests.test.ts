import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetBucketCorsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutBucketCorsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { parseXML } from '@aws-sdk/xml-builder';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type FaultProxy,
  type SeenRequest,
  startFaultProxy,
} from '../../../test/services/fault-proxy.ts';
import { testSettings } from '../../../test/services/s3-bucket.ts';
import type { ByteSource } from '../../core/bytes.ts';
import type { Channel } from '../../core/channel.ts';
import { streamBody } from '../../core/streams/body.ts';
import { createS3Channel } from './channel.ts';

const signal = new AbortController().signal;
const credentials = {
  accessKeyId: 'AKIATEST',
  secretAccessKey: 'test-secret',
  sessionToken: 'of+a/session==',
};
const extras = { storageClass: 'STANDARD_IA', serverSideEncryption: 'aws:kms' } as const;
const small = Buffer.from('a few bytes');
const large = Buffer.alloc(1_500_000, 'abc');
const upload = { key: 'media/a b+c', uploadId: 'u/1+2==', attempt: 'ours' };
const object = { Bucket: 'photos', Key: 'media/a b+c' };
const put = {
  ...object,
  ContentType: 'image/png',
  Metadata: { 'stowage-attempt': 'ours' },
  StorageClass: extras.storageClass,
  ServerSideEncryption: extras.serverSideEncryption,
};
const sha256 = createHash('sha256').update(small).digest();
const parts = [
  { number: 2, size: 5, part: { etag: '"e&2"', crc32: 'BBBBBB==' } },
  { number: 1, size: 5, part: { etag: '"e1"', crc32: 'AAAAAA==' } },
];

async function* of(bytes: Uint8Array): ByteSource {
  for (let at = 0; at < bytes.length; at += 65_536) {
    yield bytes.subarray(at, at + 65_536);
  }
}

interface Case {
  /** Documents that the calls need to go on; one for each request. */
  readonly answers?: readonly string[];
  readonly status?: number;
  ours(
    channel: Channel & Required<Pick<Channel, 'multipart' | 'presign' | 'inspect'>>,
  ): Promise<unknown>;
  theirs(client: S3Client): Promise<unknown>;
}

const cases: Readonly<Record<string, Case>> = {
  'PUT of bytes in memory': {
    ours: (channel) =>
      channel.put(streamBody(of(small), { size: small.length }), {
        key: 'a b+c',
        contentType: 'image/png',
        signal,
      }),
    theirs: (client) => client.send(new PutObjectCommand({ ...put, Body: small })),
  },
  'PUT of a stream': {
    ours: (channel) =>
      channel.put(streamBody(of(large), { size: large.length }), {
        key: 'a b+c',
        contentType: 'image/png',
        signal,
      }),
    theirs: (client) =>
      client.send(
        new PutObjectCommand({
          ...put,
          Body: Readable.from(of(large), { objectMode: false }),
          ContentLength: large.length,
        }),
      ),
  },
  'PUT with a known SHA-256': {
    ours: (channel) =>
      channel.put(streamBody(of(small), { size: small.length, sha256: sha256.toString('hex') }), {
        key: 'a b+c',
        contentType: 'image/png',
        signal,
      }),
    theirs: async (client) => {
      const keeps = (await client.config.requestChecksumCalculation()) === 'WHEN_SUPPORTED';
      const known = keeps ? { ChecksumSHA256: sha256.toString('base64') } : {};
      await client.send(new PutObjectCommand({ ...put, Body: small, ...known }));
    },
  },
  GET: {
    ours: (channel) =>
      channel.get({ key: object.Key }, { signal }).then(({ stream }) => Array.fromAsync(stream)),
    theirs: (client) => client.send(new GetObjectCommand(object)),
  },
  'GET of a range': {
    ours: (channel) =>
      channel
        .get({ key: object.Key }, { range: { start: 3, end: 2 }, signal })
        .then(({ stream }) => Array.fromAsync(stream)),
    theirs: (client) => client.send(new GetObjectCommand({ ...object, Range: 'bytes=3-2' })),
  },
  'HEAD after a range that is none': {
    status: 416,
    ours: (channel) => channel.presign.head({ key: object.Key }, { signal }).catch(() => undefined),
    theirs: async (client) => {
      await client
        .send(new GetObjectCommand({ ...object, Range: 'bytes=0-32767' }))
        .catch(() => undefined);
      await client.send(new HeadObjectCommand(object)).catch(() => undefined);
    },
  },
  DELETE: {
    ours: (channel) => channel.delete({ key: object.Key }, { signal }),
    theirs: (client) => client.send(new DeleteObjectCommand(object)),
  },
  'copy of what was looked at': {
    answers: ['<CopyObjectResult><ETag>&quot;e&quot;</ETag></CopyObjectResult>'],
    ours: (channel) =>
      channel.presign.finish?.(
        { ref: { key: 'media/ä ?/b' }, size: 1, version: '"e"' },
        { key: 'a b+c', contentType: 'image/png', signal },
      ) ?? Promise.reject(new Error('no finish')),
    theirs: (client) =>
      client.send(
        new CopyObjectCommand({
          ...put,
          Metadata: {},
          CopySource: 'photos/media/%C3%A4%20%3F/b',
          MetadataDirective: 'REPLACE',
          CopySourceIfMatch: '"e"',
        }),
      ),
  },
  'start of a multipart upload': {
    answers: [
      '<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>',
    ],
    ours: (channel) => channel.multipart.start({ key: 'a b+c', contentType: 'image/png', signal }),
    // As the SDK's own helper for large uploads does: parts may carry a checksum only of a kind
    // that was named here.
    theirs: async (client) => {
      const keeps = (await client.config.requestChecksumCalculation()) === 'WHEN_SUPPORTED';
      await client.send(
        new CreateMultipartUploadCommand({ ...put, ...(keeps && { ChecksumAlgorithm: 'CRC32' }) }),
      );
    },
  },
  'a part': {
    ours: (channel) =>
      channel.multipart.part(upload, 7, streamBody(of(large), { size: large.length }), { signal }),
    theirs: (client) =>
      client.send(
        new UploadPartCommand({
          ...object,
          UploadId: upload.uploadId,
          PartNumber: 7,
          Body: Readable.from(of(large), { objectMode: false }),
          ContentLength: large.length,
        }),
      ),
  },
  'end of a multipart upload': {
    answers: ['<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>'],
    ours: (channel) => channel.multipart.finish(upload, parts, { signal }),
    theirs: (client) =>
      client.send(
        new CompleteMultipartUploadCommand({
          ...object,
          UploadId: upload.uploadId,
          MultipartUpload: {
            Parts: [
              { ETag: '"e1"', ChecksumCRC32: 'AAAAAA==', PartNumber: 1 },
              { ETag: '"e&2"', ChecksumCRC32: 'BBBBBB==', PartNumber: 2 },
            ],
          },
        }),
      ),
  },
  'abort of a multipart upload': {
    ours: (channel) => channel.multipart.abort(upload, { signal }),
    theirs: (client) =>
      client.send(new AbortMultipartUploadCommand({ ...object, UploadId: upload.uploadId })),
  },
  'CORS rules, read and written': {
    answers: [
      `<CORSConfiguration><CORSRule><ID>theirs</ID><AllowedOrigin>https://a.example</AllowedOrigin><AllowedOrigin>https://*.b.example</AllowedOrigin>
       <AllowedMethod>GET</AllowedMethod><ExposeHeader>X-A&amp;B</ExposeHeader><MaxAgeSeconds>60</MaxAgeSeconds></CORSRule></CORSConfiguration>`,
      '',
    ],
    ours: (channel) => channel.inspect({ origins: ['https://c.example'], mayChange: true, signal }),
    theirs: async (client) => {
      const { CORSRules = [] } = await client.send(new GetBucketCorsCommand({ Bucket: 'photos' }));
      const keeps = (await client.config.requestChecksumCalculation()) === 'WHEN_SUPPORTED';
      const rule = {
        ID: 'stowage-uploads',
        AllowedOrigins: ['https://c.example'],
        AllowedMethods: ['PUT'],
        AllowedHeaders: ['content-type', ...(keeps ? ['x-amz-*'] : [])],
        ExposeHeaders: ['ETag'],
        MaxAgeSeconds: 3600,
      };
      await client.send(
        new PutBucketCorsCommand({
          Bucket: 'photos',
          CORSConfiguration: { CORSRules: [...CORSRules, rule] },
        }),
      );
    },
  },
};

/**
 * What names the program or this very call, is chosen otherwise on purpose, or says nothing to the
 * service.
 */
const ownHeaders = new RegExp(
  [
    '^(authorization|host|connection|accept|user-agent|x-amz-user-agent|x-amz-date|x-amz-meta-stowage-attempt|amz-sdk-.*',
    // Bodies are not hashed; a stream tells its length.
    'x-amz-content-sha256|content-length|transfer-encoding|x-amz-sdk-checksum-algorithm',
    // The call that wants a checksum gets one that older services know.
    'content-md5|x-amz-checksum-crc32)$',
  ].join('|'),
);

function shapeOf({ method, url, headers, body }: SeenRequest) {
  const [path, query] = url.split('?');
  const parameters = new URLSearchParams(query);
  parameters.delete('x-id');
  const isPart = parameters.has('partNumber');
  // The SDK gives parts a type, which the service does not look at.
  const kept = Object.entries(headers).filter(
    ([name]) => !ownHeaders.test(name) && !(isPart && name === 'content-type'),
  );
  return {
    method,
    path,
    query: [...parameters].sort(),
    headers: Object.fromEntries(kept),
    body: bodyOf(headers, body),
  };
}

function bodyOf(headers: SeenRequest['headers'], body: string): unknown {
  if (headers['x-amz-trailer'] !== undefined) {
    return 'framed';
  }
  return body.startsWith('<') ? withoutNamespace(parseXML(body)) : body.slice(0, 1000);
}

function withoutNamespace(document: unknown): unknown {
  return JSON.parse(
    JSON.stringify(document, (name, value) => (name === 'xmlns' ? undefined : value)),
  );
}

describe.each(['WHEN_REQUIRED', 'WHEN_SUPPORTED'] as const)(
  '%s: the same request as the SDK sends',
  (checksums) => {
    let double: FaultProxy;
    let channel: Channel;
    let client: S3Client;
    beforeAll(async () => {
      double = await startFaultProxy({});
      channel = createS3Channel(
        testSettings({
          endpoint: double.url,
          checksums,
          manageCors: true,
          ...credentials,
          ...extras,
        }),
      );
      client = new S3Client({
        endpoint: double.url,
        region: 'us-east-1',
        forcePathStyle: true,
        credentials: { ...credentials },
        requestChecksumCalculation: checksums,
        responseChecksumValidation: 'WHEN_REQUIRED',
        maxAttempts: 1,
      });
      return async () => {
        client.destroy();
        await channel.close?.();
        await double.stop();
      };
    });
    beforeEach(() => double.clear());

    async function requestsOf(
      call: () => Promise<unknown>,
      { answers = [''], status = 200 }: Case,
    ): Promise<readonly SeenRequest[]> {
      double.clear();
      for (const body of answers) {
        double.failNext({
          kind: 'answer',
          status,
          headers: { etag: '"e"', 'content-length': String(Buffer.byteLength(body)) },
          body,
        });
      }
      await call();
      return [...double.seen];
    }

    it.each(Object.entries(cases))('%s', async (_, each) => {
      const expected = await requestsOf(() => each.theirs(client), each);
      const seen = await requestsOf(() => each.ours(channel as Parameters<Case['ours']>[0]), each);
      expect(seen.map(shapeOf)).toEqual(expected.map(shapeOf));
      for (const { headers } of seen) {
        expect(headers['x-amz-security-token']).toBe(credentials.sessionToken);
        expect(headers['user-agent']).toBe('stowage');
        // Every header that means something is signed.
        const signed =
          /SignedHeaders=([^,]+)/.exec(headers.authorization ?? '')?.[1]?.split(';') ?? [];
        const unsigned = Object.keys(headers).filter((name) => !signed.includes(name));
        expect(
          unsigned.filter(
            (name) =>
              !['authorization', 'connection', 'user-agent', 'content-length'].includes(name),
          ),
        ).toEqual([]);
      }
    });

    it('what is signed for the body is what the service can check', async () => {
      const signedBy = async (name: string) => {
        const each = cases[name] as Case;
        const [request] = await requestsOf(
          () => each.ours(channel as Parameters<Case['ours']>[0]),
          each,
        );
        return request as SeenRequest;
      };
      const payloadOf = ({ headers }: SeenRequest) => headers['x-amz-content-sha256'];
      const hashOf = (body: string | Uint8Array) => createHash('sha256').update(body).digest('hex');
      const isRequired = checksums === 'WHEN_REQUIRED';
      expect(payloadOf(await signedBy('PUT of bytes in memory'))).toBe(
        isRequired ? 'UNSIGNED-PAYLOAD' : hashOf(small),
      );
      expect(payloadOf(await signedBy('PUT with a known SHA-256'))).toBe(hashOf(small));
      for (const name of ['PUT of a stream', 'a part']) {
        expect(payloadOf(await signedBy(name))).toBe(
          isRequired ? 'UNSIGNED-PAYLOAD' : 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
        );
      }
      expect(payloadOf(await signedBy('DELETE'))).toBe(hashOf(''));
      const finish = await signedBy('end of a multipart upload');
      expect(payloadOf(finish)).toBe(hashOf(finish.body));
    });

    it('rules for CORS carry a checksum that the service knows', async () => {
      const { answers = [] } = cases['CORS rules, read and written'] as Case;
      const [, write] = await requestsOf(
        async () => channel.inspect?.({ origins: ['https://c.example'], mayChange: true, signal }),
        {
          ...(cases.GET as Case),
          answers,
        },
      );
      const { headers, body } = write as SeenRequest;
      const md5 = createHash('md5').update(body).digest('base64');
      expect(
        checksums === 'WHEN_REQUIRED' ? headers['content-md5'] : headers['x-amz-checksum-crc32'],
      ).toMatch(checksums === 'WHEN_REQUIRED' ? md5 : /^.{6}==$/);
    });
  },
);
