import { createHash } from 'node:crypto';
import { mutate, nastyText, type Random } from './random.ts';
import { type Ask, headerText, type Sent } from './target.ts';

interface Form {
  readonly contentType: string;
  readonly body: Buffer;
  readonly file: Buffer;
}

/** A form that is right, in one of the ways in which clients write forms. */
function makeForm(random: Random): Form {
  const boundary = random.pick([
    'b',
    '----WebKitFormBoundary7MA4YWxkTrZu0gW',
    "'()+_,-./:=?",
    'x'.repeat(70),
  ]);
  const file = random.bytes(random.pick([0, 1, 10, 1000, 70_000]));
  const name = nastyText(random).replaceAll(/[\r\n"\\]/g, '_') || 'a';
  const fields = Array.from({ length: random.below(4) }, (_, at) =>
    part(boundary, `name="f${at}"`, Buffer.from(nastyText(random).replaceAll(boundary, ''))),
  );
  const type = random.pick([
    'image/png',
    'text/plain',
    'application/octet-stream',
    'text/html; charset=utf-8',
  ]);
  const place = random.below(fields.length + 1);
  const filePart = part(boundary, `name="file"; filename="${name}"`, file, `Content-Type: ${type}`);
  const parts = [...fields.slice(0, place), filePart, ...fields.slice(place)];
  const body = Buffer.concat([
    ...parts,
    Buffer.from(`--${boundary}--${random.pick(['', '\r\n', '\r\nepilogue'])}`),
  ]);
  return { contentType: `multipart/form-data; boundary="${boundary}"`, body, file };
}

function part(
  boundary: string,
  disposition: string,
  content: Buffer,
  ...headers: readonly string[]
): Buffer {
  const head = [`--${boundary}`, `Content-Disposition: form-data; ${disposition}`, ...headers].join(
    '\r\n',
  );
  return Buffer.concat([Buffer.from(`${head}\r\n\r\n`), content, Buffer.from('\r\n')]);
}

/**
 * A form that is right is stored; one with changes in it is stored as a piece of what was sent, or
 * refused.
 */
export async function fuzzForm(random: Random, ask: Ask): Promise<void> {
  const { contentType, body, file } = makeForm(random);
  const query = random.pick([
    '',
    '?uploadNameType=origin',
    '?uploadNameType=index',
    '?uploadNameType=short',
  ]);
  const isChanged = random.chance(0.6);
  const sent = {
    method: 'POST',
    path: `/upload${query}`,
    headers: { 'content-type': contentType },
    body,
  };
  const changed = isChanged ? mutate(body, random) : body;
  const got = await ask({ ...sent, body: changed });
  if (got.status !== 200) {
    if (!isChanged && file.length > 0) {
      throw new Error(`A right form was refused: ${got.status} ${got.body}`);
    }
    return;
  }
  const read = await readBack(ask, got.body);
  const isRight = isChanged ? changed.includes(read) : read.equals(file);
  if (!isRight) {
    throw new Error(`Stored ${digest(file)}, read ${digest(read)}.`);
  }
}

/** Types of requests and of parts, and names of files and folders. */
export async function fuzzNames(random: Random, ask: Ask): Promise<void> {
  const bytes = random.bytes(1 + random.below(2000));
  const filename = nastyText(random);
  const folder = encodeURIComponent(nastyText(random).toWellFormed());
  const mode = random.pick(['default', 'index', 'origin', 'short']);
  const written = filename
    .replaceAll('"', '%22')
    .replaceAll('\r', '%0D')
    .replaceAll('\n', '%0A')
    .replaceAll('\0', '');
  const content = part(
    'b',
    `name="file"; filename="${written}"`,
    bytes,
    `Content-Type: ${headerText(nastyText(random))}`,
  );
  const got = await ask({
    method: 'POST',
    path: `/upload?uploadNameType=${mode}&uploadFolder=${folder}`,
    headers: {
      'content-type': random.chance(0.8)
        ? 'multipart/form-data; boundary=b'
        : headerText(nastyText(random)) || 'x',
    },
    body: Buffer.concat([content, Buffer.from('--b--\r\n')]),
  });
  if (got.status !== 200) {
    return;
  }
  const read = await readBack(ask, got.body);
  if (!read.equals(bytes)) {
    throw new Error(`Stored ${digest(bytes)}, read ${digest(read)}.`);
  }
}

/** Step 2 of the Media API, with a type that is right or not. */
export async function fuzzRelay(random: Random, ask: Ask): Promise<void> {
  const started = await ask(
    json('/api/v1/media/upload', { filename: 'a.pdf', content_type: 'application/pdf', size: 300 }),
  );
  const { upload_url: url, media_id: id } = (
    JSON.parse(String(started.body)) as { data: Record<string, string> }
  ).data;
  if (url === undefined || id === undefined) {
    throw new Error(`No address: ${started.body}`);
  }
  const { pathname, search } = new URL(url);
  const bytes = Buffer.concat([Buffer.from('%PDF-1.7\n'), random.bytes(291)]);
  const body = random.chance(0.5) ? bytes : mutate(bytes, random);
  const type = random.chance(0.6) ? 'application/pdf' : headerText(nastyText(random)) || 'x';
  const path = random.chance(0.8)
    ? pathname + search
    : mutate(Buffer.from(pathname + search), random).toString('latin1');
  const method = random.pick(['PUT', 'POST']);
  await ask({ method, path: targetOf(path), headers: { 'content-type': type }, body });
  const completed = await ask({ method: 'POST', path: `/api/v1/media/${id}/complete` });
  const shown = await ask({ method: 'GET', path: `/api/v1/media/${id}` });
  if (completed.status === 200 && shown.status !== 200) {
    throw new Error(`Completed, but ${shown.status}: ${shown.body}`);
  }
}

export function json(path: string, value: unknown): Sent {
  const body = Buffer.from(JSON.stringify(value));
  return { method: 'POST', path, headers: { 'content-type': 'application/json' }, body };
}

/** What a request line may hold. */
function targetOf(text: string): string {
  return `/${text.replaceAll(/[^\x21-\x7e]/g, '').replace(/^\/+/, '')}`;
}

async function readBack(ask: Ask, answer: Buffer): Promise<Buffer> {
  const stored = JSON.parse(String(answer)) as readonly { readonly src: string }[];
  const [first] = stored;
  if (first === undefined) {
    throw new Error(`Nothing was stored: ${answer}`);
  }
  const read = await ask({ method: 'GET', path: first.src });
  if (read.status !== 200) {
    throw new Error(`Stored as ${first.src}, which is ${read.status}.`);
  }
  return read.body;
}

function digest(bytes: Buffer): string {
  return `${bytes.length} bytes ${createHash('sha256').update(bytes).digest('hex').slice(0, 8)}`;
}
