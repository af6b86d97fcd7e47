import { openAsBlob, statSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { parseArgs } from 'node:util';
import { type Client, createClient, StowageError } from './index.ts';

const USAGE = `Usage: stowage-upload [options] FILE...

Uploads files and prints a link for each.

  --url URL            address of the server (STOWAGE_CLIENT_URL, default http://127.0.0.1:8080)
  --token TOKEN        API token (STOWAGE_CLIENT_TOKEN; better there: others can see arguments)
  --auth-code CODE     upload code instead of a token
  --folder FOLDER      folder to store under
  --naming KIND        default, index, origin or short
  --channel TYPE       type of channel, --channel-name NAME for one of them
  --media              through the Media API (images, MP4, PDF)
  --resume ID          goes on with an upload in parts that was broken off
  --quiet              no progress
  --help
`;

const TYPES: Readonly<Record<string, string>> = {
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.png': 'image/png',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.heic': 'image/heic',
  '.heif': 'image/heif',
  '.mp4': 'video/mp4',
  '.pdf': 'application/pdf',
};

function readArguments() {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  return parseArgs({
    allowPositionals: true,
    options: {
      url: { ...text, default: process.env.STOWAGE_CLIENT_URL || 'http://127.0.0.1:8080' },
      token: { ...text, default: process.env.STOWAGE_CLIENT_TOKEN ?? '' },
      'auth-code': { ...text, default: '' },
      folder: text,
      naming: text,
      channel: text,
      'channel-name': text,
      resume: text,
      media: flag,
      quiet: flag,
      help: flag,
    },
  });
}

type Arguments = ReturnType<typeof readArguments>['values'];
type Naming = 'default' | 'index' | 'origin' | 'short';

async function uploadOne(
  client: Client,
  path: string,
  { values, signal }: { values: Arguments; signal: AbortSignal },
): Promise<string> {
  const name = basename(path);
  // Node makes a Blob of a folder, too, and fails only when it is read.
  if (statSync(path).isDirectory()) throw new Error('This is a folder: name its files, such as folder/*.');
  const file = await openAsBlob(path, { type: TYPES[extname(path).toLowerCase()] ?? 'application/octet-stream' });
  if (values.media) {
    const media = await client.uploadMedia(file, { name, signal });
    return media.url ?? media.id;
  }
  const progress = values.quiet || !process.stderr.isTTY ? undefined : showProgress(name);
  const { src } = await client.upload(file, {
    name,
    signal,
    ...(values.folder !== undefined && { folder: values.folder }),
    ...(values.naming !== undefined && { naming: values.naming as Naming }),
    ...(values.channel !== undefined && { channel: values.channel }),
    ...(values['channel-name'] !== undefined && { channelName: values['channel-name'] }),
    ...(values.resume !== undefined && { resume: values.resume }),
    ...(progress && { onProgress: progress }),
    onStart: (id) => {
      if (!values.quiet) process.stderr.write(`${name}: goes in parts, to resume: --resume ${id}\n`);
    },
  });
  return src;
}

function showProgress(name: string) {
  return (stored: number, total: number) => {
    process.stderr.write(`\r${name}: ${Math.floor((stored / Math.max(total, 1)) * 100)} %${stored === total ? '\n' : ''}`);
  };
}

function explain(error: unknown, url: string): string {
  if (!(error instanceof StowageError)) return error instanceof Error ? error.message : String(error);
  if (error.status === 0) return `${error.message} Is ${url} right (--url or STOWAGE_CLIENT_URL)?`;
  if (error.status === 401) return `${error.message}: give a token that may upload (--token or STOWAGE_CLIENT_TOKEN).`;
  return error.message;
}

async function main(): Promise<number> {
  const { values, positionals } = readArguments();
  if (values.help || positionals.length === 0) {
    (values.help ? process.stdout : process.stderr).write(USAGE);
    return values.help ? 0 : 2;
  }
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort(new Error('interrupted')));
  const client = createClient({ baseUrl: values.url, token: values.token, authCode: values['auth-code'] });
  let failed = 0;
  for (const path of positionals) {
    if (interrupted.signal.aborted) break;
    try {
      process.stdout.write(`${await uploadOne(client, path, { values, signal: interrupted.signal })}\n`);
    } catch (error) {
      failed++;
      process.stderr.write(`${path}: ${explain(error, values.url)}\n`);
    }
  }
  return failed > 0 || interrupted.signal.aborted ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  process.exitCode = 2;
}
