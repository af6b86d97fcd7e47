import { z } from 'zod';
import type { Driver } from '../channels/driver.ts';
import { didYouMean } from './nearest.ts';
import { type Report, readSecret } from './sources.ts';

const name = z.string().trim().min(1).max(100);
const rate = z.number().positive();

/** What every channel has besides the settings of its type. */
export const commonSettings = z.strictObject({
  type: z.string().describe('Type of the channel, see below.'),
  name: name
    .optional()
    .describe(
      'Name by which callers choose it (`channelName`); unique within the type. Default: the type.',
    ),
  id: z
    .string()
    .regex(
      /^[A-Za-z0-9._-]{1,64}$/,
      'must be 1 to 64 letters, digits, dots, dashes and underscores',
    )
    .optional()
    .describe(
      'Id under which its files are known. Default: assigned when a channel of this type and name is first seen. To rename a channel, set this to its existing id.',
    ),
  enabled: z
    .boolean()
    .default(true)
    .describe('Whether new files go there. Stored files are served and deleted either way.'),
  weight: z
    .number()
    .positive()
    .max(1e6)
    .default(1)
    .describe('Share of the uploads when `routing.loadBalance` is on.'),
  quota: z
    .strictObject({
      limitGB: z.number().positive(),
      threshold: z.number().positive().max(100).default(95),
    })
    .optional()
    .describe(
      '`{ "limitGB": 100, "threshold": 95 }`: no new files once so many percent of the limit are used.',
    ),
  maxOperations: z
    .int()
    .min(1)
    .max(10_000)
    .optional()
    .describe('Maximum number of operations at once. Default: the limit of the type.'),
  pace: z
    .strictObject({ perSecond: rate.optional(), perMinute: rate.optional() })
    .optional()
    .describe(
      '`{ "perSecond": 5, "perMinute": 100 }`: maximum number of operations. Default: the limits of the type.',
    ),
});

type Common = z.output<typeof commonSettings>;

/** A validated channel of the configuration. */
export interface ChannelConfig extends Readonly<Omit<Common, 'name'>> {
  readonly name: string;
  /**
   * Settings of the type as they were written, secrets read from their files: `Driver.create`
   * parses them.
   */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Without any configured channel: the data folder. */
const implicit: readonly Readonly<Record<string, unknown>>[] = [{ type: 'local' }];

export interface ChannelSource {
  /** As the owner knows it: `"channels" in stowage.config.json`. */
  readonly source: string;
  /** Folder that relative paths of secret files start from. */
  readonly cwd: string;
  readonly drivers: readonly Driver[];
  readonly report: Report;
}

export function readChannels(
  entries: readonly Readonly<Record<string, unknown>>[] | undefined,
  context: ChannelSource,
): readonly ChannelConfig[] {
  const channels = (entries ?? implicit).flatMap(
    (entry, index) => readChannel(entry, index, context) ?? [],
  );
  reportRepeated(channels, ({ type, name: own }) => `the name "${own}" of type "${type}"`, context);
  reportRepeated(channels, ({ id }) => id && `the id "${id}"`, context);
  if (entries?.length === 0) {
    context.report(
      `${context.source} is empty: give at least one channel, or leave it out to store in the data folder.`,
    );
  } else if (channels.length > 0 && !channels.some(({ enabled }) => enabled)) {
    context.report(`${context.source}: every channel is disabled.`);
  }
  return channels;
}

function readChannel(
  entry: Readonly<Record<string, unknown>>,
  index: number,
  context: ChannelSource,
): ChannelConfig | undefined {
  const type = typeof entry.type === 'string' ? ` (${entry.type})` : '';
  const place = context.source.replace(/^"?(\w+)"?/, (_, name) => `${name}[${index}]${type}`);
  return checkChannel(entry, {
    drivers: context.drivers,
    report: (problem) => context.report(`${place}: ${problem}`),
    secretsFrom: context.cwd,
  });
}

interface CheckOptions extends Pick<ChannelSource, 'drivers' | 'report'> {
  /** Folder that relative paths of secret files start from. Absent: secrets are not in files. */
  readonly secretsFrom?: string | undefined;
}

/** Undefined after reports, which begin with the name of the setting and hold no secret. */
export function checkChannel(
  entry: Readonly<Record<string, unknown>>,
  { drivers, report, secretsFrom }: CheckOptions,
): ChannelConfig | undefined {
  if (hasProto(entry)) {
    report('__proto__ is not a setting.');
    return undefined;
  }
  const driver = findDriver(entry.type, drivers, report);
  const own = Object.entries(entry).filter(([key]) => !Object.hasOwn(commonSettings.shape, key));
  const shape = driver === undefined ? {} : shapeOf(driver.settings);
  const settings =
    secretsFrom === undefined
      ? Object.fromEntries(own)
      : readSecretFiles(own, { shape, cwd: secretsFrom, report });
  const common = commonSettings.safeParse(
    Object.fromEntries(
      Object.entries(entry).filter(([key]) => Object.hasOwn(commonSettings.shape, key)),
    ),
  );
  if (!common.success) {
    explain(common.error, {
      shape: {},
      input: entry,
      report: (problem) => problem.startsWith('type ') || report(problem),
    });
  }
  const checked = driver?.settings.safeParse(settings);
  if (checked?.success === false) {
    explain(checked.error, { shape, input: settings, report });
  }
  if (!common.success || !checked?.success) {
    return undefined;
  }
  return { ...common.data, name: common.data.name ?? common.data.type, settings };
}

/** Schemas pass over such a key in silence. */
function hasProto(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    (Object.hasOwn(value, '__proto__') || Object.values(value).some(hasProto))
  );
}

function findDriver(type: unknown, drivers: readonly Driver[], report: Report): Driver | undefined {
  const driver = drivers.find((candidate) => candidate.type === type);
  const types = drivers.map((candidate) => candidate.type);
  if (typeof type !== 'string') {
    report(`type is required: one of ${types.join(', ')}.`);
  } else if (driver === undefined) {
    report(`type must be one of ${types.join(', ')}.${didYouMean(type, types)}`);
  }
  return driver;
}

interface SettingsContext {
  readonly shape: Readonly<Record<string, z.ZodType>>;
  readonly report: Report;
}

function readSecretFiles(
  own: readonly (readonly [string, unknown])[],
  { shape, cwd, report }: SettingsContext & { cwd: string },
) {
  const settings: [string, unknown][] = [];
  const keys = new Set(own.map(([key]) => key));
  for (const [key, value] of own) {
    const base = key.endsWith('File') ? key.slice(0, -'File'.length) : '';
    if (!Object.hasOwn(shape, base) || !isSecret(shape[base])) {
      settings.push([key, value]);
    } else if (keys.has(base)) {
      report(`${base} and ${key} are both set: keep one of them.`);
    } else if (typeof value !== 'string' || value === '') {
      report(`${key} must be the path of a file.`);
    } else {
      settings.push([base, readSecret({ path: value, cwd, source: key }, report)]);
    }
  }
  return Object.fromEntries(settings);
}

/** Turns what zod found into sentences that name the key and never quote a value. */
function explain(
  error: z.ZodError,
  { shape, input, report }: SettingsContext & { input: object },
): void {
  for (const issue of error.issues) {
    const [key = '', ...deeper] = issue.path.map(String);
    const schema = shape[key];
    const path = [key, ...deeper].filter(Boolean).join('.');
    if (issue.code === 'unrecognized_keys') {
      const known = [...Object.keys(shape), ...Object.keys(commonSettings.shape)];
      for (const unknown of issue.keys) {
        report(
          `${[...issue.path, unknown].join('.')} is not a setting.${didYouMean(unknown, known)}`,
        );
      }
    } else if (key !== '' && deeper.length === 0 && !Object.hasOwn(input, key)) {
      report(`${key} is required: ${descriptionOf(schema) ?? 'see docs/configuration.md.'}`);
    } else {
      const about = descriptionOf(schema);
      report(
        `${path === '' ? 'the settings' : path} ${faultOf(issue, schema)}.${about === undefined ? '' : ` Meaning: ${about}`}`,
      );
    }
  }
}

/** Drivers begin what they say of a pattern with "must"; what zod says of a secret may quote it. */
function faultOf({ message }: z.core.$ZodIssue, schema: z.ZodType | undefined): string {
  if (message.startsWith('must ')) {
    return message;
  }
  return isSecret(schema)
    ? 'is not valid'
    : `is not valid (${message.replace(/^Invalid (?:input|string): /, '')})`;
}

function descriptionOf(schema: z.ZodType | undefined): string | undefined {
  return schema && metaOf(schema).description;
}

function reportRepeated(
  channels: readonly ChannelConfig[],
  keyOf: (channel: ChannelConfig) => string | undefined,
  { source, report }: ChannelSource,
): void {
  const seen = new Map<string, number>();
  for (const channel of channels) {
    const key = keyOf(channel);
    if (key) {
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
  }
  for (const [key, times] of seen) {
    if (times > 1) {
      report(`${source}: ${key} is used ${times} times, it must be unique.`);
    }
  }
}

/** The members of a driver's settings; empty when they are not an object. */
export function shapeOf(schema: z.ZodType): Readonly<Record<string, z.ZodType>> {
  if (schema instanceof z.ZodObject) {
    return schema.shape as Record<string, z.ZodType>;
  }
  if (schema instanceof z.ZodPipe) {
    return shapeOf((schema.in instanceof z.ZodTransform ? schema.out : schema.in) as z.ZodType);
  }
  return {};
}

interface SchemaMeta {
  readonly description?: string;
  readonly secret?: boolean;
}

/** The description of a schema, also when it was made optional afterwards. */
export function metaOf(schema: z.ZodType): SchemaMeta {
  const wrapped =
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault;
  const inner = wrapped ? metaOf(schema.unwrap() as z.ZodType) : {};
  return { ...inner, ...(schema.meta() as SchemaMeta | undefined) };
}

export function isSecret(schema: z.ZodType | undefined): boolean {
  return schema !== undefined && metaOf(schema).secret === true;
}
