import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  configured,
  createWorld,
  type Node,
  pdf,
  presignRequest,
  transfer,
  urlTtlSeconds,
  type WatchedChannel,
  type World,
  watchedChannel,
} from '../../../../test/core-world.ts';
import { postgresMissing, startPostgres } from '../../../../test/services/postgres.ts';
import type { ByteSource } from '../../bytes.ts';
import { dayMs } from '../../clock.ts';
import { fail, isStowageError } from '../../errors.ts';
import type { MetadataStore } from '../../metadata.ts';
import { readAll } from '../../streams/peek.ts';
import { presignedDetails } from './presigned-details.ts';

/** What an upload holds: nothing yet, or the bytes of the last transfer that was acknowledged. */
interface Modelled {
  readonly id: string;
  /** `deleted`: the file is gone, the row of its upload is not. */
  state: 'open' | 'failed' | 'ready' | 'deleted' | 'gone';
  bytes: Buffer | null;
  isSwept: boolean;
  readonly urlExpiresAt: number;
  readonly expiresAt: number;
}

interface Model {
  readonly uploads: Modelled[];
}

interface Real {
  readonly world: World;
  readonly channel: WatchedChannel;
  node: Node;
}

type Command = fc.AsyncCommand<Model, Real>;

const bodies = { A: pdf('A'), B: pdf('B', 90_000), bad: Buffer.from('no PDF at all') };
type Body = keyof typeof bodies;
const never = new AbortController().signal;

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'ok',
    (error: unknown) => (isStowageError(error) ? error.code : String(error)),
  );

async function* cut(bytes: Buffer): ByteSource {
  yield bytes.subarray(0, bytes.length / 2);
  throw fail('incomplete_body');
}

function pick({ uploads }: Model, at: number): Modelled | undefined {
  return uploads.length === 0 ? undefined : uploads[at % uploads.length];
}

function expectedOfPut({ state, isSwept, urlExpiresAt }: Modelled, now: number): string {
  if (state === 'gone' || isSwept) {
    return 'not_found';
  }
  if (state === 'ready' || state === 'deleted') {
    return 'already_completed';
  }
  return now > urlExpiresAt + 15_000 ? 'upload_url_expired' : 'ok';
}

function expectedOfComplete({ state, bytes, urlExpiresAt }: Modelled, now: number): string {
  if (state === 'gone' || state === 'deleted') {
    return 'not_found';
  }
  if (state === 'ready') {
    return 'ok';
  }
  if (state === 'failed') {
    return 'media_failed';
  }
  if (bytes === null) {
    return now >= urlExpiresAt - 999 ? 'upload_expired' : 'upload_not_received';
  }
  return bytes === bodies.bad ? 'content_type_mismatch' : 'ok';
}

function noteComplete(upload: Modelled, code: string): void {
  if (code === 'ok') {
    upload.state = 'ready';
  }
  if (code === 'content_type_mismatch') {
    Object.assign(upload, { state: 'failed', bytes: null });
  }
}

async function fileBytes({ world, node }: Real, id: string): Promise<Buffer> {
  const stored = await node.files.get(id);
  if (stored === undefined) {
    throw new Error(`There is no file ${id}.`);
  }
  return world.read(node, stored);
}

/** What is there after a crash: it must be one of `allowed`. */
async function observe(
  real: Real,
  upload: Modelled,
  allowed: readonly (Buffer | null)[],
): Promise<void> {
  const is = (found: Buffer | null): void => {
    const match = allowed.find((bytes) =>
      bytes === null || found === null ? bytes === found : bytes.equals(found),
    );
    expect(match, 'other bytes than anybody sent').not.toBeUndefined();
    upload.bytes = match ?? null;
  };
  const media = await real.node.presigned.find(upload.id);
  if (media?.state === 'ready') {
    is(await fileBytes(real, upload.id));
    upload.state = 'ready';
    return;
  }
  const row = await real.world.metadata.uploads.get(upload.id);
  if (row === undefined) {
    throw new Error('The upload is gone.');
  }
  upload.state = row.state === 'failed' ? 'failed' : 'open';
  const { received } = presignedDetails(row);
  const ref = received?.segments[0]?.ref;
  is(
    ref === undefined
      ? null
      : await readAll((await real.channel.get(ref, { signal: never })).stream),
  );
}

/**
 * A process that dies at its `calls`th word with database or store; `late`: that one was heard.
 * Afterwards it says nothing any more.
 */
function dying({ world, channel }: Real, calls: number, late: boolean): Node {
  let left = calls;
  const mortal =
    <A extends readonly unknown[], R>(method: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      left--;
      if (left < 0 || (left === 0 && !late)) {
        throw fail('service_unavailable', { message: 'crash' });
      }
      const result = await method(...args);
      if (left <= 0) {
        throw fail('service_unavailable', { message: 'crash' });
      }
      return result;
    };
  const all = <T extends object>(of: T): T =>
    Object.fromEntries(
      Object.entries(of).map(([name, value]) => [
        name,
        typeof value === 'function' ? mortal(value as never) : value,
      ]),
    ) as T;
  const { metadata } = world;
  const store: MetadataStore = {
    ...metadata,
    files: all(metadata.files),
    uploads: all(metadata.uploads),
    jobs: all(metadata.jobs),
  };
  const own = {
    ...channel,
    put: mortal(channel.put),
    get: mortal(channel.get),
    delete: mortal(channel.delete),
  };
  return world.node({ metadata: store, channels: [configured(own)] });
}

const start = fc.constant<Command>({
  check: ({ uploads }) => uploads.length < 6,
  async run(model, { world, node }) {
    const { upload, details } = await node.presigned.start(presignRequest(), world.caller);
    const { urlExpiresAt } = details;
    model.uploads.push({
      id: upload.id,
      state: 'open',
      bytes: null,
      isSwept: false,
      urlExpiresAt,
      expiresAt: upload.expiresAt,
    });
  },
  toString: () => 'start',
});

const index = fc.nat(5);
const body = fc.constantFrom<Body>('A', 'B', 'bad');

const put = fc.tuple(index, body).map<Command>(([at, name]) => ({
  check: (model) => pick(model, at) !== undefined,
  async run(model, { world, node }) {
    const upload = pick(model, at) as Modelled;
    const code = await codeOf(
      node.presigned.receive(transfer(upload.id, bodies[name], world.now())),
    );
    expect(code).toBe(expectedOfPut(upload, world.now()));
    if (code === 'ok') {
      Object.assign(upload, { state: 'open', bytes: bodies[name] });
    }
  },
  toString: () => `put(${at}, ${name})`,
}));

const cutPut = fc.tuple(index, body).map<Command>(([at, name]) => ({
  check: (model) => pick(model, at) !== undefined,
  async run(model, { world, node }) {
    const upload = pick(model, at) as Modelled;
    const code = await codeOf(
      node.presigned.receive(transfer(upload.id, cut(bodies[name]), world.now())),
    );
    const expected = expectedOfPut(upload, world.now());
    expect(code).toBe(expected === 'ok' ? 'incomplete_body' : expected);
  },
  toString: () => `cutPut(${at}, ${name})`,
}));

const complete = index.map<Command>((at) => ({
  check: (model) => pick(model, at) !== undefined,
  async run(model, real) {
    const upload = pick(model, at) as Modelled;
    const code = await codeOf(real.node.presigned.complete(upload.id, real.world.caller));
    expect(code).toBe(expectedOfComplete(upload, real.world.now()));
    noteComplete(upload, code);
    if (upload.state === 'ready') {
      expect(await fileBytes(real, upload.id)).toEqual(upload.bytes);
    }
  },
  toString: () => `complete(${at})`,
}));

/** A transfer and two completes on two nodes, all at once. */
const race = fc.tuple(index, body, fc.nat(30)).map<Command>(([at, name, ticks]) => ({
  check: (model) => pick(model, at)?.state === 'open',
  async run(model, real) {
    const { world, node } = real;
    const upload = pick(model, at) as Modelled;
    const before = upload.bytes;
    const putting = codeOf(node.presigned.receive(transfer(upload.id, bodies[name], world.now())));
    for (let tick = 0; tick < ticks; tick++) {
      await Promise.resolve();
    }
    const completing = [node, world.node()].map((on) =>
      codeOf(on.presigned.complete(upload.id, world.caller)),
    );
    const acknowledged = (await putting) === 'ok';
    await Promise.all(completing);
    await observe(real, upload, [null, before, bodies[name]]);
    if (upload.state !== 'ready') {
      return;
    }
    expect(upload.bytes).toBe(acknowledged ? bodies[name] : before);
  },
  toString: () => `race(${at}, ${name}, ${ticks})`,
}));

const remove = index.map<Command>((at) => ({
  check: (model) => pick(model, at) !== undefined,
  async run(model, { node }) {
    const upload = pick(model, at) as Modelled;
    const removed =
      (await node.presigned.cancel(upload.id)) || (await node.files.remove(upload.id));
    expect(removed).toBe(!['gone', 'deleted'].includes(upload.state));
    if (removed) {
      upload.state = upload.state === 'ready' ? 'deleted' : 'gone';
    }
  },
  toString: () => `remove(${at})`,
}));

/** The process is killed in the midst of a transfer or of complete; another one takes its place. */
const crash = fc
  .record({
    at: index,
    name: body,
    calls: fc.nat(12),
    late: fc.boolean(),
    step: fc.constantFrom('put', 'complete'),
  })
  .map<Command>(({ at, name, calls, late, step }) => ({
    check: (model) => ['open', 'failed'].includes(pick(model, at)?.state ?? ''),
    async run(model, real) {
      const { world } = real;
      const upload = pick(model, at) as Modelled;
      const { presigned } = dying(real, calls, late);
      const request = transfer(upload.id, bodies[name], world.now());
      const code = await codeOf(
        step === 'put' ? presigned.receive(request) : presigned.complete(upload.id, world.caller),
      );
      real.node = world.node();
      const acknowledged = code === 'ok';
      if (step === 'complete') {
        return observe(real, upload, [upload.bytes, null]);
      }
      await observe(real, upload, acknowledged ? [bodies[name]] : [upload.bytes, bodies[name]]);
    },
    toString: () => `crash(${step}, ${at}, ${name}, ${calls}${late ? ', late' : ''})`,
  }));

const pass = fc
  .constantFrom(60_000, urlTtlSeconds * 1000, dayMs, -dayMs / 2)
  .map<Command>((ms) => ({
    check: () => true,
    run: async (_, { world }) => world.advance(ms),
    toString: () => `pass(${ms} ms)`,
  }));

const sweep = fc.constant<Command>({
  check: () => true,
  async run({ uploads }, { world, node }) {
    await node.maintenance.sweep();
    await node.jobs.drain();
    for (const upload of uploads) {
      if (upload.expiresAt >= world.now()) {
        continue;
      }
      upload.isSwept = true;
      if (upload.state !== 'ready') {
        upload.state = 'gone';
      }
    }
  },
  toString: () => 'sweep',
});

async function check(commands: Iterable<Command>, databaseUrl?: string): Promise<void> {
  const channel: WatchedChannel = Object.assign(watchedChannel(), { remote: true });
  const world = await createWorld({
    channels: [configured(channel)],
    ...(databaseUrl !== undefined && { databaseUrl }),
  });
  const model: Model = { uploads: [] };
  const real: Real = { world, channel, node: world.node() };
  try {
    await fc.asyncModelRun(() => ({ model, real }), commands);
    world.advance(90 * dayMs);
    await real.node.maintenance.sweep();
    await real.node.jobs.drain();
    const ready = model.uploads.filter(({ state }) => state === 'ready');
    for (const { id, bytes } of ready) {
      expect(await fileBytes(real, id)).toEqual(bytes);
    }
    const { items } = await world.metadata.files.list({ limit: 100, offset: 0 });
    expect(items.map(({ id }) => id).sort()).toEqual(ready.map(({ id }) => id).sort());
    expect(channel.refs.size).toBe(ready.length);
    expect(await world.metadata.jobs.count()).toBe(0);
    expect(await world.metadata.files.usage('main')).toMatchObject({ blobs: ready.length });
  } finally {
    await world.stop();
  }
}

describe('presigned uploads, whatever happens in whatever order', () => {
  const commands = fc.commands(
    [start, put, put, cutPut, complete, race, race, remove, crash, crash, pass, sweep],
    {
      maxCommands: 60,
      size: '+1',
    },
  );
  const numRuns = Number(process.env.STOWAGE_TEST_RUNS ?? 60);

  it('every ready file is what was acknowledged last, and in the end nothing else is left on the channel', async () => {
    await fc.assert(
      fc.asyncProperty(commands, (steps) => check(steps)),
      { numRuns },
    );
  }, 120_000);

  it.skipIf(postgresMissing)(
    'on PostgreSQL, too',
    async () => {
      const postgres = await startPostgres();
      try {
        await fc.assert(
          fc.asyncProperty(commands, async (steps) =>
            check(steps, await postgres.createDatabase()),
          ),
          { numRuns: Math.ceil(numRuns / 5) },
        );
      } finally {
        await postgres.stop();
      }
    },
    120_000,
  );
});
