import { readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { chaos } from './chaos.ts';
import type { World } from './client.ts';
import { sha256 } from './ledger.ts';
import { filesIn } from './verify.ts';

it('keeps every promise through kills, a full disk and a power cut', {
  timeout: 240_000,
}, async () => {
  const { faults, files, damage, skipped, log } = await chaos({ seconds: 40, workers: 6 });
  for (const sentence of skipped) {
    console.log(sentence);
  }
  expect(faults, log.slice(-20).join('\n')).toEqual([]);
  expect(files).toBeGreaterThan(20);
  expect(damage.kills).toBeGreaterThan(1);
  if (skipped.length === 0) {
    expect(damage).toMatchObject({
      fullDisks: 1,
      powerCuts: expect.toSatisfy((cuts: number) => cuts > 0),
    });
  }
});

/** Removes one object, changes one and adds one that no file knows. */
async function sabotage({ server, ledger }: World): Promise<void> {
  const kept = new Set(
    ledger.entries.filter(({ state }) => state === 'kept').map(({ bytes }) => bytes.sha256),
  );
  const objects: string[] = [];
  for (const path of await filesIn(join(server.dataDir, 'objects', 'objects'))) {
    if (kept.has(sha256(await readFile(path)))) {
      objects.push(path);
    }
  }
  expect(objects.length).toBeGreaterThan(1);
  const [lost = '', changed = ''] = objects;
  await rm(lost);
  const bytes = await readFile(changed);
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  await writeFile(changed, bytes);
  await writeFile(join(dirname(changed), '2026~11~nobody.bin'), 'left over');
}

it('notices an object that is gone, one that is changed and one that is left over', {
  timeout: 120_000,
}, async () => {
  const { faults } = await chaos({ seconds: 4, workers: 4, isCalm: true, sabotage });
  const kinds = faults.map((fault) => fault.slice(0, fault.indexOf(':'))).sort();
  expect(kinds).toEqual(['corrupt', 'damaged', 'missing', 'orphan', 'unreadable']);
});
