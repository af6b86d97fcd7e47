import { allPermissions, createAccess } from '../core/access/access.ts';
import { createAuthThrottle } from '../core/access/auth-throttle.ts';
import type { MetadataStore, Permission, TokenRecord } from '../core/metadata.ts';
import { loadConfigOrExplain } from './load.ts';
import { readArguments, refuseArguments } from './read-arguments.ts';
import { withMetadata } from './with-metadata.ts';

const usage = `Usage:
  stowage token create [--name NAME] [--permissions upload,list,delete,manage] [--expires 2030-01-31 | 90d] [--auto-delete] [--prefix pe_live_]
  stowage token list [--json]
  stowage token revoke ID | NAME

Works on the database of the configured data folder, also while the server runs.
`;

/** What a command does once the database is open, or its exit code. */
type Action = ((metadata: MetadataStore) => Promise<number>) | number;

const actions: ReadonlyMap<string | undefined, (args: readonly string[]) => Action> = new Map([
  ['create', create],
  ['list', list],
  ['revoke', revoke],
]);

export async function token([name, ...args]: readonly string[]): Promise<number> {
  if (name === '--help' || name === '-h' || name === 'help') {
    return readArguments(['--help'], { usage, options: {} }) as number;
  }
  const read = actions.get(name);
  if (read === undefined) {
    return refuseArguments(
      name === undefined ? 'Say create, list or revoke.' : `There is no command "token ${name}".`,
      usage,
    );
  }
  const action = read(args);
  if (typeof action === 'number') {
    return action;
  }
  const config = loadConfigOrExplain();
  return config === undefined ? 1 : withMetadata(config, action);
}

function create(args: readonly string[]): Action {
  const given = readArguments(args, {
    usage,
    options: {
      name: { type: 'string', default: 'token' },
      permissions: { type: 'string', default: 'upload' },
      expires: { type: 'string' },
      'auto-delete': { type: 'boolean', default: false },
      prefix: { type: 'string' },
    },
  });
  if (typeof given === 'number') {
    return given;
  }
  const { values } = given;
  try {
    const wanted = {
      name: values.name,
      permissions: readPermissions(values.permissions),
      expiresAt: values.expires === undefined ? null : readExpiry(values.expires),
      autoDelete: values['auto-delete'],
      prefix: values.prefix === undefined ? undefined : readPrefix(values.prefix),
    };
    return async ({ tokens }) => {
      const namesakes = (await tokens.list()).filter((record) => record.name === wanted.name);
      const access = createAccess({
        tokens,
        allowAnonymousUploads: false,
        brake: createAuthThrottle(Date.now),
        now: Date.now,
      });
      const created = await access.createToken(wanted);
      process.stdout.write(`${created.token}\n`);
      process.stderr.write(
        `Token ${created.record.id} (${wanted.permissions.join(', ')}). It is shown this once: only its hash is stored.\n`,
      );
      if (namesakes.length > 0) {
        process.stderr.write(
          `Another token is named "${wanted.name}" too: revoke them by their ids.\n`,
        );
      }
      return 0;
    };
  } catch (error) {
    return refuseArguments((error as Error).message, usage);
  }
}

function list(args: readonly string[]): Action {
  const given = readArguments(args, {
    usage,
    options: { json: { type: 'boolean', default: false } },
  });
  if (typeof given === 'number') {
    return given;
  }
  return async ({ tokens }) => {
    const records = await tokens.list();
    process.stdout.write(
      given.values.json ? `${JSON.stringify(records.map(asJson), null, 2)}\n` : asTable(records),
    );
    return 0;
  };
}

const iso = (at: number | null): string | null =>
  at === null ? null : `${new Date(at).toISOString().slice(0, 16)}Z`;

function asJson({ id, name, prefix, permissions, createdAt, expiresAt, lastUsedAt }: TokenRecord) {
  const times = {
    createdAt: iso(createdAt),
    expiresAt: iso(expiresAt),
    lastUsedAt: iso(lastUsedAt),
  };
  return { id, name, prefix, permissions, ...times };
}

function asTable(records: readonly TokenRecord[]): string {
  const rows = records.map((record) => {
    const { id, name, prefix, permissions, createdAt, expiresAt, lastUsedAt } = asJson(record);
    return [
      id,
      name,
      `${prefix}...`,
      permissions.join(','),
      createdAt ?? '-',
      expiresAt ?? '-',
      lastUsedAt ?? '-',
    ];
  });
  const table = [
    ['ID', 'NAME', 'TOKEN', 'PERMISSIONS', 'CREATED', 'EXPIRES', 'LAST USED'],
    ...rows,
  ];
  const widths =
    table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = table.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '),
  );
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

function revoke(args: readonly string[]): Action {
  const given = readArguments(args, {
    usage,
    options: {},
    words: { min: 1, max: 1, missing: 'Name one token.' },
  });
  if (typeof given === 'number') {
    return given;
  }
  const [wanted = ''] = given.positionals;
  return async ({ tokens }) => {
    const records = await tokens.list();
    const named = records.filter(({ name }) => name === wanted);
    const found =
      records.find(({ id }) => id === wanted) ?? (named.length === 1 ? named[0] : undefined);
    if (found !== undefined && (await tokens.remove(found.id))) {
      process.stdout.write(`Token ${found.id} (${found.name}) is revoked.\n`);
      return 0;
    }
    process.stderr.write(
      named.length > 1
        ? `${named.length} tokens are named "${wanted}". Revoke by id: ${named.map(({ id }) => id).join(', ')}\n`
        : `There is no token with the id or name "${wanted}".\n`,
    );
    return 1;
  };
}

function readPermissions(text: string): readonly Permission[] {
  return text.split(',').map((name) => {
    const permission = allPermissions.find((known) => known === name.trim());
    if (permission === undefined) {
      throw new Error(
        `There is no permission "${name.trim()}": choose from ${allPermissions.join(', ')}.`,
      );
    }
    return permission;
  });
}

function readExpiry(text: string): number {
  const days = /^(\d{1,5})d$/.exec(text)?.[1];
  const at = days === undefined ? Date.parse(text) : Date.now() + Number(days) * 86_400_000;
  if (!Number.isFinite(at) || at <= Date.now()) {
    throw new Error(
      `--expires must be a date in the future, such as 2030-01-31 or 90d, not "${text}".`,
    );
  }
  return at;
}

function readPrefix(text: string): string {
  if (/^[A-Za-z0-9_-]{0,32}$/.test(text)) {
    return text;
  }
  throw new Error('--prefix must be at most 32 letters, digits, _ or -.');
}
