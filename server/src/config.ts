import { dirname, resolve } from 'node:path';
import type { Driver } from './channels/driver.ts';
import { type ChannelConfig, readChannels } from './config/channels.ts';
import { jsonFault } from './config/json-fault.ts';
import { didYouMean } from './config/nearest.ts';
import { type Settings, schema } from './config/schema.ts';
import { type Setting, settingsOf } from './config/setting.ts';
import { isLoopback } from './config/setting-types.ts';
import {
  type Env,
  type Found,
  inFile,
  type Report,
  readConfigFile,
  readEnvironment,
  type Written,
} from './config/sources.ts';

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** All settings, validated. `dataDir` is absolute. */
export type Config = DeepReadonly<Omit<Settings, 'channels'>> & {
  /** At least one, in the order of the file. */
  readonly channels: readonly ChannelConfig[];
  /** Absolute path of the configuration file, when there is one. */
  readonly configFile?: string;
};

export interface LoadOptions {
  readonly env: Env;
  /** Relative paths of the environment start here, those of the file in its folder. */
  readonly cwd: string;
  readonly drivers: readonly Driver[];
}

export type Loaded = { readonly config: Config } | { readonly problems: readonly string[] };

/**
 * Reads environment and configuration file; the environment wins, an empty variable counts as
 * unset. Returns either the whole configuration or every problem at once, as sentences that hold no
 * secret.
 */
export function loadConfig({ env, cwd, drivers }: LoadOptions): Loaded {
  const problems: string[] = [];
  const report: Report = (problem) => problems.push(problem);
  const settings = settingsOf(schema);
  const file = readConfigFile(settings, env, cwd, report);
  const found: Found = new Map([
    ...(file?.values ?? []),
    ...readEnvironment(settings, env, cwd, report),
  ]);
  const values = validate(settings, found, report);
  const written = found.get('channels');
  const fromFile = file !== undefined && written === file.values.get('channels');
  const channels = readChannels(values.channels, {
    source: written?.source ?? inFile('channels', file?.path ?? 'stowage.config.json'),
    cwd: fromFile ? dirname(file.path) : cwd,
    drivers,
    report,
  });
  if (problems.length === 0) {
    checkRouting(values, { channels, drivers, found, report });
  }
  if (problems.length > 0) {
    return { problems };
  }
  const isInFile =
    file !== undefined &&
    found.has('dataDir') &&
    found.get('dataDir') === file.values.get('dataDir');
  const dataDir = resolve(isInFile ? dirname(file.path) : cwd, values.dataDir);
  const config = { ...values, channels, dataDir, configFile: file?.path };
  return { config: config as Config };
}

/** The settings; where one is wrong it is reported and has its default. */
function validate(settings: readonly Setting[], found: Found, report: Report): Settings {
  const parsed = schema.safeParse(nest(settings, found));
  if (parsed.success) {
    return parsed.data;
  }
  const wrong = settings.filter(({ path }) =>
    parsed.error.issues.some((issue) => path.every((name, index) => issue.path[index] === name)),
  );
  for (const setting of wrong) {
    report(`${found.get(setting.key)?.source ?? setting.key} ${faultOf(setting, found)}.`);
  }
  const right = new Map(
    [...found].filter(([key]) => !wrong.some((setting) => setting.key === key)),
  );
  return schema.parse(nest(settings, right));
}

/**
 * A list of channels in the environment is JSON of some length: there it helps to know where it
 * breaks off.
 */
function faultOf({ key, expected }: Setting, found: Found): string {
  const value = found.get(key)?.value;
  const fault = key === 'channels' && typeof value === 'string' ? jsonFault(value) : undefined;
  return fault === undefined ? `must be ${expected}` : `is not valid JSON: see ${fault}`;
}

function nest(settings: readonly Setting[], found: Found): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const { key, path } of settings) {
    const [group, leaf] = path;
    if (group === undefined) {
      continue;
    }
    if (leaf === undefined) {
      assign(root, group, found.get(key));
    } else {
      root[group] ??= {};
      assign(root[group] as Record<string, unknown>, leaf, found.get(key));
    }
  }
  return root;
}

function assign(target: Record<string, unknown>, name: string, written: Written | undefined): void {
  if (written !== undefined) {
    target[name] = written.value;
  }
}

interface RoutingContext {
  readonly channels: readonly ChannelConfig[];
  readonly drivers: readonly Driver[];
  readonly found: Found;
  readonly report: Report;
}

/**
 * Every channel that the routing names must be there, by name or by group (`uploadChannel` of the
 * Upload API).
 */
function checkRouting(
  { routing }: Settings,
  { channels, drivers, found, report }: RoutingContext,
): void {
  const groups = new Map(drivers.map(({ type, group }) => [type, group.name]));
  const known = new Set(
    channels.flatMap(({ type, name, enabled }) =>
      enabled ? [name, groups.get(type) ?? type] : [],
    ),
  );
  for (const [name, value] of Object.entries(routing)) {
    const wanted = typeof value === 'string' ? [value] : Array.isArray(value) ? value : [];
    for (const channel of wanted.filter((one) => !known.has(one))) {
      const source = found.get(`routing.${name}`)?.source ?? name;
      report(
        `${source} names "${channel}", but there is no enabled channel of that name or group.${didYouMean(channel, [...known])}`,
      );
    }
  }
}

/** A shorter code can be found by trying, however slowly. */
const minPublicCodeLength = 12;

/**
 * Why the server must not listen on the configured address, or undefined: on a public address
 * credentials have to exist, and be hard to guess, before the first request can come in.
 */
export function publicBindProblem(config: Config, hasCredentials: boolean): string | undefined {
  if (isLoopback(config.host)) {
    return undefined;
  }
  if (isShortCode(config)) {
    return (
      `HOST is ${config.host}, which others can reach, and the upload code (STOWAGE_AUTH_CODE) is short enough to be guessed: ` +
      `give it at least ${minPublicCodeLength} characters, such as \`openssl rand -hex 12\` prints.`
    );
  }
  const { adminToken, authCode, admin } = config;
  if (hasCredentials || [adminToken, authCode, admin.password].some((one) => one !== undefined)) {
    return undefined;
  }
  return (
    `HOST is ${config.host}, which others can reach, and there are no credentials yet: set STOWAGE_ADMIN_TOKEN (or STOWAGE_ADMIN_TOKEN_FILE), ` +
    'or create a token with `npx stowage token create`, or start once with HOST=127.0.0.1.'
  );
}

/** On the loopback address a short code is allowed, but a proxy may make it public all the same. */
export function authCodeWarning(config: Config): string | undefined {
  if (!isShortCode(config)) {
    return undefined;
  }
  return `STOWAGE_AUTH_CODE has fewer than ${minPublicCodeLength} characters. Give it more when a proxy or a tunnel makes this server public.`;
}

function isShortCode({ authCode }: Config): boolean {
  return authCode !== undefined && authCode.length < minPublicCodeLength;
}
