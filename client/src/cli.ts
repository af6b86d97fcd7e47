import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import {
  type Arguments,
  checkArguments,
  checkCount,
  readArguments,
  UsageError,
  usage,
} from './cli/arguments.ts';
import { type Found, filesOf, type Opened, openFile, unknownType } from './cli/files.ts';
import { createReporter, formatLink, type Reporter } from './cli/output.ts';
import { type Client, createClient, StowageError } from './index.ts';

interface Run {
  readonly client: Client;
  readonly values: Arguments;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

async function main(): Promise<number> {
  const values = readArguments();
  if (values.help) {
    return print(usage);
  }
  if (values.version) {
    return print(`${await ownVersion()}\n`);
  }
  if (values.paths.length === 0) {
    throw new UsageError(`Name a file to upload.\n\n${usage}`);
  }
  checkArguments(values);
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => interrupted.abort(new Error('interrupted')));
  }
  const client = createClient({
    baseUrl: values.url,
    token: values.token,
    authCode: values['auth-code'],
  });
  const files = await filesOf(values.paths, values);
  checkCount(files.length, values);
  await checkChannel(client, values);
  const write = (text: string) => void (values.quiet || process.stderr.write(text));
  const reporter = createReporter(files.length, { isTTY: process.stderr.isTTY, write });
  return uploadAll(files, { client, values, reporter, signal: interrupted.signal });
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

async function ownVersion(): Promise<string> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

/**
 * Checked before sending, because the server would otherwise store on another channel. A server
 * that does not list its channels checks the name itself.
 */
async function checkChannel(
  client: Client,
  { channel, 'channel-name': name, url }: Arguments,
): Promise<void> {
  if (channel === undefined && name === undefined) {
    return;
  }
  const all = await client.channels().catch(() => undefined);
  if (typeof all !== 'object' || all === null) {
    return;
  }
  const known = Object.entries(all).flatMap(([type, channels]) =>
    channels.map((each) => ({ type, name: each.name })),
  );
  if (
    known.some((each) => each.type === (channel ?? each.type) && each.name === (name ?? each.name))
  ) {
    return;
  }
  const wanted = [channel, name].filter((each) => each !== undefined).join('/');
  const choice = known.map((each) => `${each.type}/${each.name}`).join(', ');
  throw new UsageError(
    `${url} has no channel ${wanted} that currently takes files. It has ${choice || 'none'}.`,
  );
}

async function uploadAll(files: readonly Found[], run: Run): Promise<number> {
  const { values, reporter, signal } = run;
  let failed = 0;
  for (const file of files) {
    if (signal.aborted) {
      break;
    }
    reporter.begin(file.path);
    const outcome = await uploadOne(file, run).catch((error: unknown) => ({ error }));
    reporter.end();
    if ('error' in outcome) {
      failed++;
    }
    report(file.path, outcome, values);
  }
  return failed > 0 || signal.aborted ? 1 : 0;
}

interface Link {
  readonly url: string;
  readonly name: string;
  readonly type: string;
  readonly id?: string;
}

async function uploadOne({ path, folder }: Found, run: Run): Promise<Link> {
  const opened = await openFile(path, { ...run.values, signal: run.signal });
  const { name, type } = opened;
  try {
    if (run.values.media) {
      return { name, type, ...(await sendMedia(opened, run)) };
    }
    return {
      name,
      type,
      url: await send(opened, {
        ...run,
        path,
        folder: posix.join(run.values.folder ?? '', folder ?? ''),
      }),
    };
  } finally {
    await opened.close();
  }
}

async function sendMedia({ file, name, type }: Opened, { client, reporter, signal }: Run) {
  if (type === unknownType) {
    throw new Error(
      'Its extension is not one of a type that the Media API takes. Give the type, such as --type image/jpeg.',
    );
  }
  const { id, url } = await client.uploadMedia(file, {
    name,
    type,
    signal,
    onProgress: reporter.progress,
  });
  return { id, url: url ?? id };
}

async function send(
  { file, name, type }: Opened,
  run: Run & { readonly path: string; readonly folder: string },
): Promise<string> {
  const { client, values, reporter, signal, path, folder } = run;
  const { naming, channel, 'channel-name': channelName, resume } = values;
  const { src } = await client.upload(file, {
    name,
    type,
    signal,
    onProgress: reporter.progress,
    onStart: (id) =>
      reporter.note(
        `${path}: uploading in parts. If interrupted: stowage-upload --resume ${id} ${path}`,
      ),
    folder: folder === '.' ? undefined : folder,
    naming,
    channel,
    channelName,
    resume,
  });
  return src;
}

/**
 * Links go to standard output, failures to standard error. With `json`, both go to standard output.
 */
function report(
  path: string,
  outcome: Link | { readonly error: unknown },
  { json, format, url }: Arguments,
): void {
  if (json) {
    const result = 'error' in outcome ? failureOf(outcome.error, url) : outcome;
    process.stdout.write(`${JSON.stringify({ file: path, ...result })}\n`);
  } else if ('error' in outcome) {
    process.stderr.write(`${path}: ${explain(outcome.error, url)}\n`);
  } else {
    process.stdout.write(`${formatLink(format, outcome.url, outcome)}\n`);
  }
}

function failureOf(error: unknown, url: string) {
  const { status, code, retryable } = error instanceof StowageError ? error : {};
  return { error: explain(error, url), status, code, retryable };
}

function explain(error: unknown, url: string): string {
  if (!(error instanceof StowageError)) {
    return error instanceof Error ? error.message : String(error);
  }
  if (error.status === 0) {
    return `${error.message} Is ${url} right (--url or STOWAGE_CLIENT_URL)?`;
  }
  if (error.status === 401) {
    return `${error.message}: give a token that may upload (--token or STOWAGE_CLIENT_TOKEN).`;
  }
  return error.message;
}

try {
  process.exitCode = await main();
} catch (error) {
  const isUsage = error instanceof UsageError;
  process.stderr.write(
    isUsage ? `${error.message}\n` : `${error instanceof Error ? error.message : String(error)}\n`,
  );
  process.exitCode = isUsage ? 2 : 1;
}
