import { randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  type Stats,
  statSync,
  unlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

export interface Privacy {
  /** Why the server must not use what is there. */
  readonly refusals: readonly string[];
  /** What the owner should know. */
  readonly warnings: readonly string[];
}

const othersRead = 0o044;
const othersWrite = 0o002;
const groupOrOthers = 0o077;
const privateNames = ['stowage.db', 'stowage.db-wal', 'secret.key'];

/**
 * Looks at who else can read or change the data folder, the database and the key in it; leaves them
 * as they are. What others can change is refused, what they can read is warned of. Where modes are
 * not ours to choose (a volume that is mounted there, a file system without any), it is a warning
 * at most.
 */
export function inspectPrivacy(dataDir: string): Privacy {
  const folder = statSync(dataDir, { throwIfNoEntry: false });
  // Windows has no modes, and a folder that is not there, or is none, has no faults.
  if (folder?.isDirectory() !== true || process.getuid === undefined) {
    return { refusals: [], warnings: [] };
  }
  const findings = [
    ...inspectFolder(dataDir, folder),
    ...privateNames.flatMap((name) => inspectFile(join(dataDir, name))),
  ];
  const keepsModes = findings.every(({ severity }) => severity !== 'refusal') || hasModes(dataDir);
  const isRefusal = ({ severity, needsModes }: Finding): boolean =>
    severity === 'refusal' && (keepsModes || !needsModes);
  return {
    refusals: findings.filter(isRefusal).map(({ text }) => text),
    warnings: findings.filter((finding) => !isRefusal(finding)).map(({ text }) => text),
  };
}

interface Finding {
  readonly severity: 'refusal' | 'warning';
  /** Means nothing on a file system without modes. */
  readonly needsModes: boolean;
  readonly text: string;
}

function inspectFolder(path: string, { mode, dev }: Stats): readonly Finding[] {
  const isMount = statSync(dirname(path)).dev !== dev;
  const shown = modeText(mode);
  if ((mode & othersWrite) !== 0) {
    const text = `The data folder ${path} can be changed by every user of this machine (mode ${shown}). Run: chmod 700 ${path}`;
    return [{ severity: isMount ? 'warning' : 'refusal', needsModes: true, text }];
  }
  if ((mode & othersRead) === 0 || isMount) {
    return [];
  }
  const text = `The data folder ${path} can be read by other users (mode ${shown}). Run: chmod 700 ${path}`;
  return [{ severity: 'warning', needsModes: true, text }];
}

function inspectFile(path: string): readonly Finding[] {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    return [];
  }
  // The code that opens the file reports what it is instead.
  if (!found.isFile()) {
    return [];
  }
  return [...inspectOwner(path, found), ...inspectMode(path, found)];
}

/** Its owner can change it at any time, and give it other modes. */
function inspectOwner(path: string, { uid }: Stats): readonly Finding[] {
  const own = process.getuid?.() ?? 0;
  if (own === 0 || uid === 0 || uid === own) {
    return [];
  }
  const text = `${path} belongs to another user (${uid}; Stowage runs as ${own}). Give it to this user: chown ${own} ${path}`;
  return [{ severity: 'refusal', needsModes: true, text }];
}

function inspectMode(path: string, { mode }: Stats): readonly Finding[] {
  const shown = modeText(mode);
  const advice = `(mode ${shown}). Run: chmod 600 ${path}`;
  if ((mode & othersWrite) !== 0) {
    return [
      {
        severity: 'refusal',
        needsModes: true,
        text: `${path} can be changed by every user of this machine ${advice}`,
      },
    ];
  }
  if ((mode & groupOrOthers) === 0) {
    return [];
  }
  return [
    { severity: 'warning', needsModes: true, text: `${path} can be read by other users ${advice}` },
  ];
}

function modeText(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0');
}

/**
 * Whether a file that is made private is private. File systems such as FAT, and some network
 * shares, give every file one mode.
 */
function hasModes(folder: string): boolean {
  const path = join(folder, `.modes-${randomUUID()}`);
  try {
    const fd = openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
    try {
      return (fstatSync(fd).mode & groupOrOthers) === 0;
    } finally {
      closeSync(fd);
      unlinkSync(path);
    }
  } catch {
    // Other checks report what cannot be written to.
    return true;
  }
}
