import type { z } from 'zod';
import type { Driver } from '../channels/driver.ts';
import { commonSettings, isSecret, metaOf, shapeOf } from './channels.ts';
import { schema } from './schema.ts';
import { type Setting, settingsOf } from './setting.ts';

const INTRO = `# Configuration

This page is made from the schema by \`npm run docs\`: change it there.

Every setting can be given as an environment variable or in \`stowage.config.json\`, a JSON object in the folder where Stowage is started
(or anywhere: \`STOWAGE_CONFIG\` names it). The environment wins; an empty variable counts as not set. In the file a key such as
\`media.maxImageBytes\` means \`{ "media": { "maxImageBytes": "20MiB" } }\`.

- Where two environment names are given the first one wins.
- **Secrets** can be read from a file: \`STOWAGE_ADMIN_TOKEN_FILE=/run/secrets/token\` in the environment, \`"adminTokenFile": "token.txt"\` in the
  configuration file (relative to it). The line break at the end of the file is left out.
- Sizes are bytes, or texts such as \`10GiB\` (1024-based) and \`500MB\` (1000-based).
- Unknown settings are refused. All problems are printed at once, and Stowage ends with exit code 1.
- The data folder is private: Stowage makes everything in it for its own user, warns when other users can read the folder, the database or the key, and does not start when they can change them.
- A public \`HOST\` is refused until there are credentials: \`STOWAGE_ADMIN_TOKEN\`, an upload code of at least 12 characters or a token made before.
- \`npm run doctor\` tries the configuration out: runtime, data folder, database and every channel.
`;

const CHANNELS = `## Channels

\`channels\` is a list; each entry has a \`type\`, the common settings below and the settings of its type:

\`\`\`json
{ "channels": [{ "type": "local", "name": "disk" }, { "type": "s3", "name": "main", "bucket": "media", "secretAccessKeyFile": "s3.key" }] }
\`\`\`

In the environment \`STOWAGE_CHANNELS\` takes the same list as JSON. Secrets of channels can be read from files as well: \`<key>File\`. Type and name tie
a channel to its stored files; to rename one, give it the \`id\` that \`GET /api/channels\` or \`npm run doctor\` shows.

### Common settings
`;

/** `docs/configuration.md`. */
export function renderConfiguration(drivers: readonly Driver[]): string {
  const settings = settingsOf(schema).filter(({ key }) => key !== 'channels');
  const groups = Object.entries(Object.groupBy(settings, ({ path }) => (path.length > 1 ? (path[0] ?? '') : '')));
  const tables = groups.map(
    ([group, members = []]) => `## ${group === '' ? 'Server' : `\`${group}\``}\n\n${settingTable(members)}`,
  );
  const channels = drivers.map(({ type, settings: own }) => `### Type \`${type}\`\n\n${channelTable(shapeOf(own))}`);
  return [INTRO, ...tables, CHANNELS.trimEnd(), channelTable(commonSettings.shape), ...channels]
    .join('\n\n')
    .replace(/\n{3,}/g, '\n\n');
}

function settingTable(settings: readonly Setting[]): string {
  const rows = settings.map(({ key, names, defaultValue, secret, description, expected }) => [
    `\`${key}\``,
    names.map((name) => `\`${name}\``).join('<br>'),
    key.endsWith('Bytes') ? `\`${showSize(Number(defaultValue))}\`` : show(defaultValue),
    `${description}${secret ? ' **Secret.**' : ''} Takes ${expected}.`,
  ]);
  return table(['Key', 'Environment', 'Default', 'Meaning'], rows);
}

function channelTable(shape: Readonly<Record<string, z.ZodType>>): string {
  const rows = Object.entries(shape).map(([key, member]) => {
    const byDefault = member.safeParse(undefined);
    const presence = byDefault.success ? show(byDefault.data) : 'required';
    return [`\`${key}\``, presence, `${metaOf(member).description ?? ''}${isSecret(member) ? ' **Secret.**' : ''}`];
  });
  return rows.length === 0 ? 'Has no settings of its own.\n' : table(['Key', 'Default', 'Meaning'], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return `${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
}

function show(value: unknown): string {
  if (value === undefined || value === '') return '';
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

function showSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const step = units.findLastIndex((_, index) => bytes % 1024 ** index === 0);
  return `${bytes / 1024 ** Math.max(step, 0)}${units[Math.max(step, 0)]}`;
}
