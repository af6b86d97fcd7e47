import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { jsonFault } from './json-fault.ts';
import { didYouMean } from './nearest.ts';
import type { Setting } from './setting.ts';
import { isPlain } from './setting-types.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/** A value as it was written, with the name under which its owner will look for it. */
export interface Written {
  readonly value: unknown;
  /** `PORT`, or `"port" in stowage.config.json`. */
  readonly source: string;
}

/** What was found, by `Setting.key`. */
export type Found = Map<string, Written>;

/**
 * Reports a problem in a sentence; reading continues, so that all problems are printed together.
 */
export type Report = (problem: string) => void;

/** The command line of `client/` reads these; both may run in one shell. */
const clientPrefix = 'STOWAGE_CLIENT_';

/** Set by container platforms for a service that is called "stowage", not by people. */
const injectedNames =
  /^STOWAGE_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?)$/;

export function readEnvironment(
  settings: readonly Setting[],
  env: Env,
  cwd: string,
  report: Report,
): Found {
  const found: Found = new Map();
  const set = (name: string) =>
    env[name] === '' || injected(name, env[name]) ? undefined : env[name];
  for (const setting of settings) {
    for (const name of setting.names.toReversed()) {
      const path = setting.secret ? set(`${name}_FILE`) : undefined;
      const value =
        path === undefined ? set(name) : readSecret({ path, cwd, source: `${name}_FILE` }, report);
      if (path !== undefined && set(name) !== undefined) {
        report(`${name} and ${name}_FILE are both set: keep one of them.`);
      }
      if (value !== undefined) {
        found.set(setting.key, { value, source: path === undefined ? name : `${name}_FILE` });
      }
    }
  }
  reportUnknown(settings, env, report);
  return found;
}

function injected(name: string, value: string | undefined): boolean {
  return (
    injectedNames.test(name) && (name !== 'STOWAGE_PORT' || /^(tcp|udp):\/\//.test(value ?? ''))
  );
}

function reportUnknown(settings: readonly Setting[], env: Env, report: Report): void {
  const known = settings.flatMap(({ names, secret }) =>
    secret ? names.flatMap((name) => [name, `${name}_FILE`]) : names,
  );
  const all = new Set(['STOWAGE_CONFIG', ...known]);
  for (const name of Object.keys(env)) {
    if (
      !name.startsWith('STOWAGE_') ||
      name.startsWith(clientPrefix) ||
      all.has(name) ||
      injected(name, env[name])
    ) {
      continue;
    }
    report(`${name} is not a setting of Stowage.${didYouMean(name, [...all])}`);
  }
}

export interface ConfigFile {
  readonly path: string;
  readonly values: Found;
}

/** The file named by STOWAGE_CONFIG, otherwise `stowage.config.json` when there is one. */
export function readConfigFile(
  settings: readonly Setting[],
  env: Env,
  cwd: string,
  report: Report,
): ConfigFile | undefined {
  const path = resolve(cwd, env.STOWAGE_CONFIG || 'stowage.config.json');
  if (!env.STOWAGE_CONFIG && !existsSync(path)) {
    return undefined;
  }
  const values: Found = new Map();
  const tree = parseFile(path, report);
  if (tree !== undefined) {
    visit(tree, [], { settings, path, values, report });
  }
  return { path, values };
}

function parseFile(path: string, report: Report): Readonly<Record<string, unknown>> | undefined {
  try {
    const text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
    // The parser's message quotes the text around the fault, which may be a secret.
    const fault = jsonFault(text);
    if (fault !== undefined) {
      report(`The configuration file ${path} is not valid JSON: see ${fault}.`);
    }
    const tree: unknown = fault === undefined ? JSON.parse(text) : undefined;
    if (isPlain(tree)) {
      return tree;
    }
    if (fault === undefined) {
      report(`${path} must hold one JSON object.`);
    }
  } catch (error) {
    report(`The configuration file ${path} cannot be read (${codeOf(error)}).`);
  }
  return undefined;
}

interface Visit {
  readonly settings: readonly Setting[];
  readonly path: string;
  readonly values: Found;
  readonly report: Report;
}

function visit(
  tree: Readonly<Record<string, unknown>>,
  above: readonly string[],
  context: Visit,
): void {
  for (const name of Object.keys(tree)) {
    const path = [...above, name];
    const key = path.join('.');
    const value = tree[name];
    const setting = context.settings.find((candidate) => candidate.key === key);
    if (setting !== undefined) {
      if (value !== null) {
        context.values.set(key, { value, source: inFile(key, context.path) });
      }
    } else if (context.settings.some((candidate) => candidate.key.startsWith(`${key}.`))) {
      if (isPlain(value)) {
        visit(value, path, context);
      } else {
        context.report(`${inFile(key, context.path)} must be an object.`);
      }
    } else {
      visitSecretFile(key, value, tree, context);
    }
  }
}

/** `adminTokenFile` gives the path of a file with the value of `adminToken`. */
function visitSecretFile(
  key: string,
  value: unknown,
  siblings: object,
  { settings, path, values, report }: Visit,
): void {
  const setting = settings.find((candidate) => candidate.secret && `${candidate.key}File` === key);
  if (setting === undefined) {
    const names = settings.flatMap((candidate) => [candidate.key, candidate.path[0] ?? '']);
    report(`${inFile(key, path)} is not a setting of Stowage.${didYouMean(key, names)}`);
  } else if (Object.hasOwn(siblings, setting.path.at(-1) ?? '')) {
    report(`${inFile(setting.key, path)} and "${key}" are both set: keep one of them.`);
  } else if (typeof value !== 'string' || value === '') {
    report(`${inFile(key, path)} must be the path of a file.`);
  } else {
    const secret = readSecret(
      { path: value, cwd: dirname(path), source: inFile(key, path) },
      report,
    );
    if (secret !== undefined) {
      values.set(setting.key, { value: secret, source: inFile(key, path) });
    }
  }
}

export function inFile(key: string, path: string): string {
  return `"${key}" in ${basename(path)}`;
}

/** The text of a secret's file without the line break at its end; undefined after a report. */
export function readSecret(
  place: { path: string; cwd: string; source: string },
  report: Report,
): string | undefined {
  try {
    const secret = readFileSync(resolve(place.cwd, place.path), 'utf8').replace(/\r?\n$/, '');
    if (secret !== '') {
      return secret;
    }
    report(`${place.source} names an empty file.`);
  } catch (error) {
    report(`${place.source} names a file that cannot be read (${codeOf(error)}).`);
  }
  return undefined;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
