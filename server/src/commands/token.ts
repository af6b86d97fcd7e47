import { parseArgs } from 'node:util';
import { allPermissions, createAccess } from '../core/access.ts';
import { createGuessBrake } from '../core/guess-brake.ts';
import type { MetadataStore, Permission } from '../core/metadata.ts';
import { loadConfigOrExplain } from './load.ts';
import { withMetadata } from './with-metadata.ts';

const usage = `Usage:
  stowage token create [--name NAME] [--permissions upload,list,delete,manage] [--expires 2030-01-31 | 90d] [--auto-delete] [--prefix pe_live_]
  stowage token list
  stowage token revoke ID
`;

/** Works on the database directly, also while the server runs. */
export async function token(args: readonly string[]): Promise<number> {
  const [action, ...rest] = args;
  const run = action === 'create' ? create : action === 'list' ? list : action === 'revoke' ? revoke : undefined;
  if ([action, ...rest].some((arg) => arg === '--help' || arg === '-h' || arg === 'help')) {
    process.stdout.write(usage);
    return 0;
  }
  if (run === undefined) return explain(usage);
  const config = loadConfigOrExplain();
  if (config === undefined) return 1;
  return withMetadata(config, async (metadata) => {
    await metadata.migrate();
    return run(metadata, rest);
  });
}

async function create({ tokens }: MetadataStore, args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (typeof options === 'string') return explain(`${options}\n\n${usage}`);
  const access = createAccess({ tokens, allowAnonymousUploads: false, brake: createGuessBrake(Date.now), now: Date.now });
  const created = await access.createToken(options);
  process.stdout.write(`${created.token}\n`);
  process.stderr.write(
    `Token ${created.record.id} (${options.permissions.join(', ')}). It is shown this once: only its hash is stored.\n`,
  );
  return 0;
}

async function list({ tokens }: MetadataStore): Promise<number> {
  const iso = (at: number | null): string => (at === null ? '-' : new Date(at).toISOString().slice(0, 16));
  const rows = (await tokens.list()).map((record) => [
    record.id,
    record.name,
    `${record.prefix}...`,
    record.permissions.join(','),
    iso(record.expiresAt),
    iso(record.lastUsedAt),
  ]);
  const table = [['ID', 'NAME', 'TOKEN', 'PERMISSIONS', 'EXPIRES', 'LAST USED'], ...rows];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of table)
    process.stdout.write(
      `${row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd()}\n`,
    );
  return 0;
}

async function revoke({ tokens }: MetadataStore, [id]: readonly string[]): Promise<number> {
  if (id === undefined) return explain(usage);
  if (!(await tokens.remove(id))) return explain(`There is no token with the id ${id}.\n`);
  process.stdout.write(`Token ${id} is revoked.\n`);
  return 0;
}

function readOptions(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        name: { type: 'string', default: 'token' },
        permissions: { type: 'string', default: 'upload' },
        expires: { type: 'string' },
        'auto-delete': { type: 'boolean', default: false },
        prefix: { type: 'string' },
      },
    });
    return {
      name: values.name,
      permissions: readPermissions(values.permissions),
      expiresAt: values.expires === undefined ? null : readExpiry(values.expires),
      autoDelete: values['auto-delete'],
      ...(values.prefix !== undefined && { prefix: readPrefix(values.prefix) }),
    };
  } catch (error) {
    return (error as Error).message;
  }
}

function readPermissions(text: string): readonly Permission[] {
  return text.split(',').map((name) => {
    const permission = allPermissions.find((known) => known === name.trim());
    if (permission === undefined)
      throw new Error(`There is no permission "${name.trim()}": choose from ${allPermissions.join(', ')}.`);
    return permission;
  });
}

function readExpiry(text: string): number {
  const days = /^(\d{1,5})d$/.exec(text)?.[1];
  const at = days === undefined ? Date.parse(text) : Date.now() + Number(days) * 86_400_000;
  if (!Number.isFinite(at) || at <= Date.now())
    throw new Error(`--expires must be a time to come, such as 2030-01-31 or 90d, not "${text}".`);
  return at;
}

function readPrefix(text: string): string {
  if (/^[A-Za-z0-9_-]{0,32}$/.test(text)) return text;
  throw new Error('--prefix must be at most 32 letters, digits, _ or -.');
}

function explain(text: string): number {
  process.stderr.write(text);
  return 2;
}
