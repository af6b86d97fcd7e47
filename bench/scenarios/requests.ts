import type { Load } from '../load/requests.ts';
import { wrk } from '../load/wrk.ts';
import type { Outcome } from '../outcome.ts';
import type { Subject } from '../subject.ts';
import type { Context, Scenario, Work } from './scenario.ts';

const CALLERS = 32;

/** Many small requests over connections that are kept. */
export const requestScenarios: readonly Scenario[] = [
  {
    id: 'small',
    title: `upload 10 KiB, ${CALLERS} callers`,
    prepare: ({ smallUpload, syncs }, context) => many(smallUpload, context, syncs),
  },
  {
    id: 'read',
    title: `read 10 KiB, ${CALLERS} callers`,
    prepare: async (subject, context) => many(await reads(subject, context), context),
  },
  {
    id: 'not-modified',
    title: `ask whether 10 KiB changed (304), ${CALLERS} callers`,
    prepare: async (subject, context) => many(await conditionalReads(subject, context), context),
  },
  {
    id: 'presign',
    title: `ask for an upload URL, ${CALLERS} callers`,
    prepare: async (subject, context) => many(await subject.presign?.(), context),
  },
  {
    id: 'complete',
    title: `complete presigned uploads of 10 KiB, ${CALLERS} callers`,
    prepare: completions,
  },
  {
    id: 'list',
    title: `list pages of 20, ${CALLERS} callers`,
    prepare: listPages,
  },
  {
    id: 'files-add',
    title: `metadata of a file into PostgreSQL, ${CALLERS} callers`,
    prepare: addFiles,
  },
];

async function many(
  load: Load | undefined,
  { warmUp, seconds }: Context,
  syncs?: string,
): Promise<Work | undefined> {
  if (load === undefined) {
    return undefined;
  }
  await wrk(load, { callers: CALLERS, requests: warmUp, syncs });
  return async (): Promise<Outcome> => {
    const result = await wrk(load, { callers: CALLERS, seconds, syncs });
    // wrk counts from the moment a request is sent, after the wait for the sync.
    return syncs === undefined ? result : { ...result, p50Ms: undefined, p99Ms: undefined };
  };
}

async function storedFiles(subject: Subject, { samples }: Context): Promise<readonly URL[]> {
  const urls: URL[] = [];
  for (const file of subject.store === undefined ? [] : samples.small) {
    urls.push(new URL((await subject.store?.(file)) ?? ''));
  }
  return urls;
}

async function reads(subject: Subject, context: Context): Promise<Load | undefined> {
  const urls = await storedFiles(subject, context);
  const requests = urls.map(({ pathname }) => ({ method: 'GET', path: pathname }));
  return urls[0] && { base: urls[0].origin, requests };
}

/** Undefined when the server names no version of what it sends. */
async function conditionalReads(subject: Subject, context: Context): Promise<Load | undefined> {
  const urls = await storedFiles(subject, context);
  const tags = await Promise.all(urls.map(etagOf));
  const requests = urls.flatMap(({ pathname: path }, index) => {
    const tag = tags[index];
    return tag == null ? [] : [{ method: 'GET', path, headers: { 'If-None-Match': tag } }];
  });
  return urls[0] && requests.length === urls.length
    ? { base: urls[0].origin, requests }
    : undefined;
}

async function etagOf(url: URL): Promise<string | null> {
  const response = await fetch(url);
  await response.arrayBuffer();
  return response.headers.get('etag');
}

async function completions(
  subject: Subject,
  { samples, warmUp, once }: Context,
): Promise<Work | undefined> {
  const load = await subject.completions?.(samples.thumbnail, warmUp + once);
  if (load === undefined) {
    return undefined;
  }
  const { base, requests } = load;
  await wrk({ base, requests: requests.slice(0, warmUp) }, { callers: CALLERS, requests: warmUp });
  const measured = requests.slice(warmUp);
  return () => wrk({ base, requests: measured }, { callers: CALLERS, requests: once });
}

async function listPages(subject: Subject, context: Context): Promise<Work | undefined> {
  const files = context.warmUp;
  const load = subject.listPages?.(files);
  if (load === undefined || subject.smallUpload === undefined) {
    return undefined;
  }
  await wrk(subject.smallUpload, { callers: CALLERS, requests: files });
  return many(load, context);
}

async function addFiles(subject: Subject, { warmUp, once }: Context): Promise<Work | undefined> {
  await subject.addFiles?.(warmUp);
  return subject.addFiles && (async () => (await subject.addFiles?.(once)) as Outcome);
}
