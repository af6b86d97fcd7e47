import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { prepareDataFolder } from './data-folder.ts';
import { inspectPrivacy } from './private-files.ts';

let folder: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'stowage-private-')), 'data');
  mkdirSync(folder, { mode: 0o700 });
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(join(folder, '..'), { recursive: true });
});

function put(name: string, mode: number): string {
  const path = join(folder, name);
  writeFileSync(path, '');
  chmodSync(path, mode);
  return path;
}

describe('the data folder', () => {
  it.each([
    [0o700, 'fine'],
    [0o750, 'warned of'],
    [0o755, 'warned of'],
    [0o711, 'fine'],
    [0o770, 'warned of'],
    [0o777, 'refused'],
    [0o1777, 'refused'],
    [0o702, 'refused'],
  ])('of mode %o is %s', async (mode, verdict) => {
    chmodSync(folder, mode);
    const { refusals, warnings } = inspectPrivacy(folder);
    expect([refusals.length, warnings.length]).toEqual([
      verdict === 'refused' ? 1 : 0,
      verdict === 'warned of' ? 1 : 0,
    ]);
    const started = prepareDataFolder(folder);
    if (verdict === 'refused') {
      await expect(started).rejects.toThrow(/changed by every user .*chmod 700 \//);
    } else {
      await started;
    }
  });

  it('is fine when it is not there', () => {
    expect(inspectPrivacy(join(folder, 'none'))).toEqual({ refusals: [], warnings: [] });
  });

  it('is judged nowhere without modes', () => {
    chmodSync(folder, 0o777);
    const { getuid } = process;
    Object.assign(process, { getuid: undefined });
    expect(inspectPrivacy(folder)).toEqual({ refusals: [], warnings: [] });
    Object.assign(process, { getuid });
  });
});

describe.each(['stowage.db', 'stowage.db-wal', 'secret.key'])('%s', (name) => {
  it.each([
    [0o600, 'fine'],
    [0o400, 'fine'],
    [0o640, 'warned of'],
    [0o604, 'warned of'],
    [0o644, 'warned of'],
    [0o666, 'refused'],
    [0o602, 'refused'],
  ])('of mode %o is %s', (mode, verdict) => {
    const path = put(name, mode);
    const { refusals, warnings } = inspectPrivacy(folder);
    expect([refusals.length, warnings.length]).toEqual([
      verdict === 'refused' ? 1 : 0,
      verdict === 'warned of' ? 1 : 0,
    ]);
    for (const text of [...refusals, ...warnings]) {
      expect(text).toContain(`chmod 600 ${path}`);
    }
  });

  it('that is a link is left to those who open it', () => {
    symlinkSync('/etc/passwd', join(folder, name));
    expect(inspectPrivacy(folder)).toEqual({ refusals: [], warnings: [] });
  });

  // Only root can give a file away.
  it.runIf(process.getuid?.() === 0)('of another user is refused, of root or our own not', () => {
    const path = put(name, 0o600);
    for (const [owner, refusals] of [
      [1234, 1],
      [0, 0],
      [1000, 0],
    ] as const) {
      chownSync(path, owner, owner);
      vi.spyOn(process, 'getuid').mockReturnValue(1000);
      expect(inspectPrivacy(folder).refusals, String(owner)).toHaveLength(refusals);
      vi.spyOn(process, 'getuid').mockReturnValue(0);
      expect(inspectPrivacy(folder).refusals).toHaveLength(0);
    }
  });
});
