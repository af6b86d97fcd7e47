import { type World, work } from './client.ts';
import { type Disk, openDisk } from './disk.ts';
import { createLedger } from './ledger.ts';
import { type Damage, torment } from './schedule.ts';
import { createServer, type Server } from './server.ts';
import { verify } from './verify.ts';

export interface ChaosOptions {
  readonly seconds: number;
  readonly workers: number;
  /** Spoils what is stored before all is verified: a control that must be noticed. */
  readonly sabotage?: (world: World) => Promise<void>;
  /** Does nothing to the server: for the control. */
  readonly isCalm?: boolean;
}

export interface ChaosReport {
  readonly faults: readonly string[];
  readonly files: number;
  readonly deleted: number;
  readonly damage: Damage;
  readonly answers: ReadonlyMap<string, number>;
  /** What could not be done here, as sentences. */
  readonly skipped: readonly string[];
  /** What happened when. */
  readonly events: readonly string[];
  readonly log: readonly string[];
}

/**
 * Lets clients work on a server that has a bad day, and holds every promise that it made against
 * what is there in the end.
 */
export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  const disk = openDisk();
  const server = await createServer(disk.path);
  try {
    return await run(options, disk, server);
  } finally {
    await server.kill();
    disk.remove();
  }
}

async function run(
  { seconds, workers, sabotage, isCalm }: ChaosOptions,
  disk: Disk,
  server: Server,
): Promise<ChaosReport> {
  const ledger = createLedger();
  const world: World = { server, ledger, weather: 'calm', isOver: false };
  const calmDisk: Disk = { ...disk, fill: undefined, cutPower: undefined };
  const tormenting = torment(world, isCalm === true ? calmDisk : disk, seconds);
  const working = Array.from({ length: workers }, () => work(world));
  const damage = await tormenting.finally(() => {
    world.isOver = true;
  });
  await Promise.all(working);
  await sabotage?.(world);
  await verify(world);
  return {
    faults: ledger.faults,
    files: ledger.entries.length,
    deleted: ledger.entries.filter(({ state }) => state === 'deleted').length,
    damage,
    answers: ledger.answers,
    skipped: skippedOn(disk),
    events: ledger.events,
    log: server.log,
  };
}

function skippedOn(disk: Disk): readonly string[] {
  return [
    ...(disk.fill === undefined
      ? ['No full disk: mounting an ext4 image needs root and a loop device.']
      : []),
    ...(disk.cutPower === undefined
      ? ['No power cut: it needs an ext4 image of its own and python3.']
      : []),
  ];
}
