import type { MetadataStore } from '../../core/metadata.ts';

export interface Readiness {
  readonly status: 'ok' | 'unavailable';
  readonly checks: Readonly<Record<string, 'ok' | 'stopping' | 'unavailable'>>;
}

/** Long enough for a slow response, short enough for the timeouts of load balancers. */
const deadlineMs = 2_000;
/** The database is checked at most once in this time, however many probes come. */
const freshMs = 1_000;

interface ReadinessDeps {
  readonly isReady: () => boolean;
  readonly metadata: Pick<MetadataStore, 'check'>;
}

/** Whether requests can be served. Resolves within two seconds. */
export function createReadiness({ isReady, metadata }: ReadinessDeps): () => Promise<Readiness> {
  let asked: { readonly at: number; readonly answer: Promise<boolean> } | undefined;
  const databaseAnswers = (): Promise<boolean> => {
    const at = performance.now();
    if (asked === undefined || at - asked.at > freshMs) {
      asked = { at, answer: inTime(metadata.check()) };
    }
    return asked.answer;
  };
  return async () => {
    if (!isReady()) {
      return { status: 'unavailable', checks: { server: 'stopping' } };
    }
    const isThere = await databaseAnswers();
    return {
      status: isThere ? 'ok' : 'unavailable',
      checks: { server: 'ok', database: isThere ? 'ok' : 'unavailable' },
    };
  };
}

/** True when it resolves before the deadline. */
async function inTime(work: Promise<unknown>): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(late.resolve, deadlineMs, false);
  const done = work.then(
    () => true,
    () => false,
  );
  return Promise.race([done, late.promise]).finally(() => clearTimeout(timer));
}
