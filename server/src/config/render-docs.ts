import type { z } from 'zod';
import type { Driver } from '../channels/driver.ts';
import { commonSettings, isSecret, metaOf, shapeOf } from './channels.ts';
import { schema } from './schema.ts';
import { type Setting, settingsOf } from './setting.ts';

const introText = `# Configuration

This page is made from the schema by \`npm run docs\`: change it there.

Every setting can be given as an environment variable or in \`stowage.config.json\`, a JSON object in the folder where Stowage is started
(or anywhere: \`STOWAGE_CONFIG\` names it). The environment wins; an empty variable counts as not set. Nothing has to be set.

## Start here

A server behind a proxy, with files in a bucket and a local disk for when the bucket fails:

\`\`\`json
{
  "publicUrl": "https://files.example",
  "trustProxy": ["loopback"],
  "adminTokenFile": "secrets/admin-token",
  "limits": { "maxUploadBytes": "2GiB" },
  "rateLimit": { "perMinute": 600, "perHour": 20000 },
  "routing": { "defaultChannel": "main", "fallbackOrder": ["local"] },
  "channels": [
    {
      "type": "r2",
      "name": "main",
      "accountId": "0123456789abcdef0123456789abcdef",
      "bucket": "media",
      "accessKeyId": "0123456789abcdef",
      "secretAccessKeyFile": "secrets/r2"
    },
    { "type": "local", "name": "local", "quota": { "limitGB": 100 } }
  ]
}
\`\`\`

- \`publicUrl\` begins every full link; \`trustProxy\` lets a proxy on this machine say who calls ([why](operations.md#behind-a-reverse-proxy)).
- \`adminTokenFile\`: the admin token comes from a file, here \`secrets/admin-token\` beside the configuration. Every secret can: its name with \`File\` behind it.
- \`limits\` and \`rateLimit\` replace defaults; what you leave out keeps its own. \`limits.maxUploadBytes\` below means this nesting.
- \`channels\` are the places where files are stored, by a \`type\` and a \`name\` of your choice. Do not change the two later: they tie a channel to its files. Without a list there is one, \`local\`
  named \`local\`: keep it in yours, or the files stored so far cannot be read.
- \`routing\` names channels: files go to \`main\`, and to \`local\` when \`main\` fails.

As environment variables: \`STOWAGE_PUBLIC_URL=https://files.example\`, \`STOWAGE_TRUST_PROXY=loopback\`, \`STOWAGE_ADMIN_TOKEN_FILE=/run/secrets/admin-token\`, \`STOWAGE_CHANNELS='[{"type": "local", "name": "local"}]'\`.
\`stowage doctor\` then tries the configuration out.

## Rules

- **Relative paths** start, in the file, from the folder of the file; in the environment, from where Stowage is started. The \`path\` of a local channel starts from the data folder.
- **Secrets** can be read from a file: \`<NAME>_FILE\` in the environment, \`<key>File\` in the configuration. The line break at the end of the file is left out.
- **Sizes** are bytes, or texts such as \`10GiB\` (1024-based) and \`500MB\` (1000-based). **Lists** are separated by commas in the environment.
- Where two environment names are given, the first one wins.
- Unknown settings are refused. All problems are printed at once, and Stowage ends with exit code 1.
- The data folder is private: Stowage makes everything in it for its own user, warns when other users can read the folder, the database or the key, and does not start when they can change them.
- A public \`HOST\` is refused until there are credentials: \`STOWAGE_ADMIN_TOKEN\`, an upload code of at least 12 characters or a token made before.
`;

/**
 * Headings of the page, each with the settings, or groups of settings, that belong together for who
 * looks for them.
 */
const settingsByTask: Readonly<Record<string, readonly string[]>> = {
  'Address and proxy': [
    'host',
    'port',
    'publicUrl',
    'urlPrefix',
    'trustProxy',
    'keepAliveSeconds',
    'maxConnectionsPerAddress',
    'cors',
  ],
  'Who may do what': ['adminToken', 'admin', 'authCode', 'allowAnonymousUploads', 'rateLimit'],
  'Where data is kept': [
    'dataDir',
    'secretKey',
    'databaseUrl',
    'databasePoolSize',
    'databaseWaitSeconds',
    'sqliteDurability',
    'redisUrl',
    'scrub',
  ],
  'Which channel takes a file': ['routing'],
  'Upload API': ['limits', 'uploads'],
  'Open to everyone': ['publicBrowse', 'randomImage'],
  'Media API': ['media'],
  'Sending files': ['reads'],
  'Import from a URL': ['fetch'],
  'Log and metrics': ['log', 'metrics'],
  Stopping: ['shutdownGraceSeconds', 'shutdownDelaySeconds'],
};

/** Types that have most settings in common get one table. */
const s3Family = { title: 'S3 and compatible stores', sign: 'secretAccessKey' };

/** For tests only. */
const hiddenType = 'memory';

const channelsText = `## Channels

\`channels\` is a list; each entry has a \`type\`, the common settings below and the settings of its type:

\`\`\`json
{ "channels": [{ "type": "local", "name": "local" }, { "type": "s3", "name": "main", "bucket": "media", "secretAccessKeyFile": "s3.key" }] }
\`\`\`

In the environment \`STOWAGE_CHANNELS\` takes the same list as JSON. Type and name tie a channel to its stored files; to rename one, give it the \`id\` that \`stowage doctor\` shows. [channels/](channels/) has a page for each
kind of storage.

### Common settings
`;

/** `docs/configuration.md`. */
export function renderConfiguration(drivers: readonly Driver[]): string {
  const shown = drivers
    .filter(({ type }) => type !== hiddenType)
    .map(({ type, settings }) => ({ type, shape: shapeOf(settings) }));
  const [family, others] = [shown.filter(isFamily), shown.filter((driver) => !isFamily(driver))];
  const channels = others.map(
    ({ type, shape }) => `### Type \`${type}\`\n\n${channelTable(shape)}`,
  );
  return [
    introText,
    ...taskTables(),
    channelsText.trimEnd(),
    channelTable(commonSettings.shape),
    ...channels,
    familyTables(family),
  ]
    .join('\n\n')
    .replace(/\n{3,}/g, '\n\n');
}

function taskTables(): readonly string[] {
  const settings = settingsOf(schema).filter(({ key }) => key !== 'channels');
  const tasks = Object.entries(settingsByTask).map(([title, names]) => ({
    title,
    members: names.flatMap((name) => settings.filter(({ path }) => path[0] === name)),
  }));
  const left = settings.filter(
    (setting) => !tasks.some(({ members }) => members.includes(setting)),
  );
  if (left.length > 0) {
    throw new Error(
      `No heading of the page has the settings ${left.map(({ key }) => key).join(', ')}.`,
    );
  }
  return tasks.map(({ title, members }) => `## ${title}\n\n${settingTable(members)}`);
}

interface ShownDriver {
  readonly type: string;
  readonly shape: Readonly<Record<string, z.ZodType>>;
}

function isFamily({ shape }: ShownDriver): boolean {
  return Object.hasOwn(shape, s3Family.sign);
}

/** What all types have, then what each has besides; types of one meaning share a row. */
function familyTables(family: readonly ShownDriver[]): string {
  const rows = family.flatMap(({ type, shape }) =>
    channelRows(shape).map((cells) => ({ type, cells })),
  );
  const byText = Object.values(Object.groupBy(rows, ({ cells }) => cells.join('\n'))).map(
    (same = []) => ({
      types: same.map(({ type }) => type),
      cells: same[0]?.cells ?? [],
    }),
  );
  const ofAll = byText
    .filter(({ types }) => types.length === family.length)
    .map(({ cells }) => cells);
  const ofSome = byText
    .filter(({ types }) => types.length < family.length)
    .map(({ types, cells }) => [types.map((type) => `\`${type}\``).join(', '), ...cells])
    .sort(([a = ''], [b = '']) => (a < b ? -1 : a > b ? 1 : 0));
  const types = family.map(({ type }) => `\`${type}\``).join(', ');
  return [
    `### ${s3Family.title}`,
    `The types ${types}. Settings of all of them:`,
    table(['Key', 'Default', 'Meaning'], ofAll),
    'Settings of some:',
    table(['Type', 'Key', 'Default', 'Meaning'], ofSome),
  ].join('\n\n');
}

function settingTable(settings: readonly Setting[]): string {
  const rows = settings.map(({ key, names, type, defaultValue, secret, description }) => [
    `\`${key}\``,
    names.map((name) => `\`${name}\``).join('<br>'),
    type,
    type === 'size' ? `\`${showSize(Number(defaultValue))}\`` : show(defaultValue),
    `${description}${secret ? ' **Secret.**' : ''}`,
  ]);
  return table(['Key', 'Environment', 'Type', 'Default', 'Meaning'], rows);
}

function channelTable(shape: Readonly<Record<string, z.ZodType>>): string {
  return table(['Key', 'Default', 'Meaning'], channelRows(shape));
}

function channelRows(shape: Readonly<Record<string, z.ZodType>>): readonly (readonly string[])[] {
  return Object.entries(shape).map(([key, member]) => {
    const byDefault = member.safeParse(undefined);
    const presence = byDefault.success ? show(byDefault.data) : 'required';
    return [
      `\`${key}\``,
      presence,
      `${metaOf(member).description ?? ''}${isSecret(member) ? ' **Secret.**' : ''}`,
    ];
  });
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return `${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
}

function show(value: unknown): string {
  if (value === undefined || value === '') {
    return '';
  }
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

function showSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const step = units.findLastIndex((_, index) => bytes % 1024 ** index === 0);
  return `${bytes / 1024 ** Math.max(step, 0)}${units[Math.max(step, 0)]}`;
}
