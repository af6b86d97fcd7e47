/** `npm run chaos -- --help` */
import { parseArgs } from 'node:util';
import { type ChaosReport, chaos } from './chaos.ts';

const usage = `npm run chaos -- [options]

Lets clients upload, read and delete while the server is killed every five seconds, its disk fills up and its power is cut. Afterwards nothing that was acknowledged may be lost,
changed or back from the dead, and nothing may be left over. As root it uses a file system of its own; otherwise only the kills are possible.

  --seconds N   how long (300)
  --workers N   clients at once (8)

Exit code: 0 every promise was kept, 1 not.
`;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '300' },
    workers: { type: 'string', default: '8' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

if (values.help) {
  process.stdout.write(usage);
} else {
  const report = await chaos({ seconds: Number(values.seconds), workers: Number(values.workers) });
  process.stdout.write(textOf(report));
  process.exitCode = report.faults.length === 0 ? 0 : 1;
}

function textOf({
  faults,
  files,
  deleted,
  damage,
  answers,
  skipped,
  events,
  log,
}: ChaosReport): string {
  const starts = [...damage.starts].sort((a, b) => a - b);
  const median = starts[Math.floor(starts.length / 2)] ?? 0;
  return [
    `${files} files acknowledged, ${deleted} deletions`,
    `${damage.kills} kills, ${damage.fullDisks} full disks, ${damage.powerCuts} power cuts; start: median ${Math.round(median)} ms, longest ${Math.round(starts.at(-1) ?? 0)} ms`,
    `answers (0: none): ${[...answers]
      .sort()
      .map(([name, count]) => `${name} x ${count}`)
      .join(', ')}`,
    ...skipped,
    faults.length === 0
      ? 'Every promise was kept.'
      : `${faults.length} faults:\n  ${faults.join('\n  ')}\n${events.join(', ')}\nlog:\n  ${log
          .slice(-20)
          .map((line) => line.slice(0, 300))
          .join('\n  ')}`,
    '',
  ].join('\n');
}
