import { fuzzForm, fuzzNames, fuzzRelay } from './forms.ts';
import { createRangeFuzzer, fuzzJson } from './others.ts';
import { createRandom, type Random } from './random.ts';
import { type Ask, createAsk, type Target } from './target.ts';

export interface FuzzOptions {
  readonly seed: number;
  /** Cases of each kind, or how long to go on. */
  readonly until: (done: number) => boolean;
}

export const fuzzKinds = ['form', 'names', 'relay', 'json', 'range'] as const;
export type FuzzKind = (typeof fuzzKinds)[number];
type Case = (random: Random, ask: Ask) => Promise<void>;

const parallel = 4;

/**
 * Tries one kind of request in many variations. Answers how many; throws at the first that is
 * answered wrongly, with the seed that repeats it alone.
 */
export async function fuzz(
  target: Target,
  kind: FuzzKind,
  { seed, until }: FuzzOptions,
): Promise<number> {
  const ask = createAsk(target);
  const tryOne = await caseOf(kind, ask);
  const seeds = createRandom(seed);
  let done = 0;
  const work = async (): Promise<void> => {
    while (!until(done)) {
      // The first case of a run is that of its seed.
      const own = done === 0 ? seed : seeds.below(2 ** 32);
      done += 1;
      await tryOne(createRandom(own), ask).catch((cause: unknown) => {
        throw new Error(
          `${kind} with seed ${own}: ${cause instanceof Error ? cause.message : cause}`,
          { cause },
        );
      });
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
  const { status } = await ask({ method: 'GET', path: '/healthz' });
  if (status !== 200) {
    throw new Error(`The server is not well: ${status}`);
  }
  return done;
}

async function caseOf(kind: FuzzKind, ask: Ask): Promise<Case> {
  if (kind === 'range') {
    return rangeCase(ask);
  }
  return { form: fuzzForm, names: fuzzNames, relay: fuzzRelay, json: fuzzJson }[kind];
}

async function rangeCase(ask: Ask): Promise<Case> {
  const bytes = createRandom(1).bytes(5000);
  const head = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n';
  const body = Buffer.concat([Buffer.from(head), bytes, Buffer.from('\r\n--b--\r\n')]);
  const headers = { 'content-type': 'multipart/form-data; boundary=b' };
  const stored = await ask({ method: 'POST', path: '/upload', headers, body });
  const [{ src }] = JSON.parse(String(stored.body)) as [{ src: string }];
  return createRangeFuzzer(src, bytes);
}
