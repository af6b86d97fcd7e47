/**
 * `npm run fuzz -- --minutes 5`: requests in many variations against a server of its own; ends at
 * the first that is answered wrongly.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { startStowage } from '../server/test/acceptance/harness.ts';
import { type FuzzKind, fuzz, fuzzKinds } from '../server/test/fuzz/run.ts';

const USAGE = `npm run fuzz -- [options]

  --minutes N  how long in all (3)
  --seed N     what was printed by the run to repeat
  --kind LIST  ${fuzzKinds.join(',')}
`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '3' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    kind: { type: 'string', default: fuzzKinds.join(',') },
    help: { type: 'boolean', default: false },
  },
});

async function run(kinds: readonly FuzzKind[], seed: number): Promise<void> {
  const server = await startStowage({
    env: { STOWAGE_LOG_LEVEL: 'error', STOWAGE_MEDIA_MAX_OPEN_UPLOADS: '10000000' },
  });
  const shareMs = (Number(values.minutes) * 60_000) / kinds.length;
  try {
    for (const kind of kinds) {
      const endAt = performance.now() + shareMs;
      const done = await fuzz(server, kind, { seed, until: () => performance.now() > endAt });
      process.stdout.write(
        `${kind}: ${done} requests, peak memory ${Math.round((await server.peakRssBytes()) / 2 ** 20)} MiB\n`,
      );
    }
  } finally {
    for (const line of server.log.slice(1)) {
      process.stderr.write(`${line}\n`);
    }
    await server.stop();
  }
}

if (values.help) {
  process.stdout.write(USAGE);
} else {
  const wanted = values.kind.split(',');
  process.stdout.write(`Seed ${values.seed}\n`);
  await run(
    fuzzKinds.filter((kind) => wanted.includes(kind)),
    Number(values.seed),
  );
}
