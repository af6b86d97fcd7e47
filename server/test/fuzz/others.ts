import { json } from './forms.ts';
import { mutate, nastyText, type Random } from './random.ts';
import { type Ask, headerText } from './target.ts';

type Body = readonly [path: string, right: Readonly<Record<string, unknown>>];

const bodies: readonly [Body, ...Body[]] = [
  [
    '/api/v1/media/upload',
    {
      filename: 'a.jpg',
      content_type: 'image/jpeg',
      size: 1000,
      width: 1,
      height: 2,
      metadata: {},
    },
  ],
  ['/api/v1/media/upload-from-url', { url: 'http://127.0.0.1:1/a.jpg', filename: 'a.jpg' }],
  ['/api/v1/media/none/complete', {}],
  [
    '/upload/huggingface/getUploadUrl',
    { fileName: 'a.bin', fileSize: 10, fileType: 'x/y', sha256: '0'.repeat(64) },
  ],
  [
    '/upload/huggingface/commitUpload',
    { filePath: 'a', sha256: '0'.repeat(64), fileSize: 10, fileName: 'a', channelName: 'a' },
  ],
  [
    '/upload/huggingface/completeMultipart',
    { completionUrl: 'http://127.0.0.1:1/', oid: 'a', parts: [{ partNumber: 1, etag: 'a' }] },
  ],
  ['/api/manage/apiTokens', { name: 'fuzz', permissions: ['list'] }],
  ['/api/manage/delete/batch', { fileIds: ['none.txt'] }],
];

/** Bodies of every endpoint that takes JSON. What is promised can be shown. */
export async function fuzzJson(random: Random, ask: Ask): Promise<void> {
  const [path, right] = random.pick(bodies);
  const value: Record<string, unknown> = { ...right };
  for (let times = random.below(3); times > 0; times--) {
    const name = random.chance(0.8)
      ? random.pick(Object.keys(right).concat('x') as [string, ...string[]])
      : nastyText(random);
    Object.defineProperty(value, name, {
      value: anyJson(random, 3),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  const sent = json(path, value);
  const type = random.chance(0.8) ? 'application/json' : headerText(nastyText(random)) || 'x';
  const body = random.chance(0.6) ? sent.body : mutate(Buffer.from(sent.body ?? []), random);
  const got = await ask({ ...sent, headers: { 'content-type': type }, ...(body && { body }) });
  if (got.status !== 201 || path !== '/api/v1/media/upload') {
    return;
  }
  const { data } = JSON.parse(String(got.body)) as { data: { media_id: string } };
  for (const shown of [
    `/api/v1/media/${data.media_id}`,
    '/api/v1/media?status=uploading&limit=1',
  ]) {
    const answer = await ask({ method: 'GET', path: shown });
    if (answer.status !== 200) {
      throw new Error(`Promised by ${sent.body}, but ${shown} is ${answer.status}.`);
    }
  }
}

function anyJson(random: Random, depth: number): unknown {
  const leaf = () =>
    random.pick<unknown>([
      null,
      true,
      0,
      -1,
      0.5,
      1e308,
      Number.MAX_SAFE_INTEGER,
      2 ** 53,
      nastyText(random),
      nastyText(random),
    ]);
  if (depth === 0 || random.chance(0.5)) {
    return leaf();
  }
  const inner = Array.from({ length: random.below(4) }, () => anyJson(random, depth - 1));
  if (random.chance(0.5)) {
    return inner;
  }
  return Object.fromEntries(inner.map((value) => [nastyText(random), value]));
}

/** Ranges of a stored file: the answer is what its head says it is. */
export function createRangeFuzzer(
  src: string,
  bytes: Buffer,
): (random: Random, ask: Ask) => Promise<void> {
  return async (random, ask) => {
    const number = () =>
      random.chance(0.7)
        ? String(random.below(bytes.length + 10))
        : random.pick(['', '-', '0', '00', '1e3', '9'.repeat(25), ' 1', '+1']);
    const one = () => `${number()}-${number()}`;
    const many = Array.from({ length: 1 + random.below(random.chance(0.9) ? 2 : 60) }, one).join(
      random.pick([',', ', ', ' ,', ',,']),
    );
    const made = `${random.pick(['bytes=', 'BYTES=', 'bytes =', 'items=', 'bytes:', ''])}${many}`;
    const range = random.chance(0.7)
      ? made
      : headerText(mutate(Buffer.from(made), random).toString('latin1'));
    const conditions = random.chance(0.3)
      ? {
          [random.pick(['if-range', 'if-none-match', 'if-modified-since', 'if-match'])]: headerText(
            nastyText(random),
          ),
        }
      : {};
    const got = await ask({ method: 'GET', path: src, headers: { range, ...conditions } });
    const problem = wrongIn(
      got.status,
      got.body,
      String(got.headers['content-range'] ?? ''),
      bytes,
    );
    if (problem !== undefined) {
      throw new Error(`${problem}: ${range}`);
    }
  };
}

function wrongIn(
  status: number,
  body: Buffer,
  contentRange: string,
  bytes: Buffer,
): string | undefined {
  if (status === 206) {
    const [, start, end, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(contentRange) ?? [];
    const isRight =
      Number(total) === bytes.length &&
      body.equals(bytes.subarray(Number(start), Number(end) + 1)) &&
      body.length > 0;
    return isRight ? undefined : `Wrong part ${contentRange}`;
  }
  if (status === 200) {
    return body.equals(bytes) ? undefined : 'Not the whole file';
  }
  return [304, 400, 412, 416].includes(status) ? undefined : `Status ${status}`;
}
