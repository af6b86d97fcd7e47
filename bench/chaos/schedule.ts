import { setTimeout as pause } from 'node:timers/promises';
import type { World } from './client.ts';
import type { Disk } from './disk.ts';

/** What was done to the server. */
export interface Damage {
  kills: number;
  fullDisks: number;
  powerCuts: number;
  /** Times from launch to ready, in ms. */
  readonly starts: number[];
}

const upMs = 5000;
const dyingMs = 700;
const cutEverySeconds = 40;

/**
 * Kills the server every five seconds; a third of the time in, the disk is full for a while (and
 * the server killed on it), two thirds in, the power goes. It goes every forty seconds as well.
 */
export async function torment(world: World, disk: Disk, seconds: number): Promise<Damage> {
  const damage: Damage = { kills: 0, fullDisks: 0, powerCuts: 0, starts: [] };
  const from = Date.now();
  const passed = (): number => (Date.now() - from) / 1000 / seconds;
  damage.starts.push(await world.server.start());
  let isFullOver = disk.fill === undefined;
  const isCutDue = (): boolean =>
    disk.cutPower !== undefined &&
    damage.powerCuts <
      Math.max(Math.floor((passed() * seconds) / cutEverySeconds), passed() > 2 / 3 ? 1 : 0);
  while (passed() < 1 || !isFullOver || isCutDue()) {
    if (!isFullOver && passed() > 1 / 3) {
      await fullDisk(world, disk, damage);
      isFullOver = true;
    } else if (isCutDue()) {
      await powerCut(world, disk, damage);
    } else {
      await pause(upMs);
      await killAndStart(world, damage);
    }
  }
  return damage;
}

async function killAndStart({ server, ledger }: World, damage: Damage): Promise<void> {
  await server.kill();
  ledger.note('killed');
  damage.kills++;
  damage.starts.push(await server.start());
  ledger.note('ready');
}

async function fullDisk(world: World, disk: Disk, damage: Damage): Promise<void> {
  await disk.fill?.();
  world.weather = 'full';
  world.ledger.note('disk full');
  await pause(upMs / 2);
  await killAndStart(world, damage);
  await pause(upMs / 2);
  await disk.free();
  world.ledger.note('disk free');
  damage.fullDisks++;
  // Answers that are on their way tell of the full disk.
  await pause(dyingMs);
  world.weather = 'calm';
}

async function powerCut(world: World, disk: Disk, damage: Damage): Promise<void> {
  world.weather = 'dead';
  disk.cutPower?.();
  world.ledger.note('power cut');
  await pause(dyingMs);
  await world.server.kill();
  disk.remount();
  damage.powerCuts++;
  damage.starts.push(await world.server.start());
  world.ledger.note('ready');
  world.weather = 'calm';
}
