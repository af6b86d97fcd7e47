import { z } from 'zod';
import type { Kind } from './setting-types.ts';

/**
 * What is known of a setting besides its type. Everything here ends up in `docs/configuration.md`.
 */
export interface About {
  readonly description: string;
  /** Never shown; may come from a file, named by `<ENV>_FILE` or `<key>File`. */
  readonly secret?: boolean;
  /** Environment name that tools everywhere know, beside `STOWAGE_<PATH>`. */
  readonly env?: string;
}

export interface SettingMeta extends About {
  /** Completes "NAME must be ...". */
  readonly expected: string;
  /** For the table of settings. */
  readonly type: string;
}

const registry = z.registry<SettingMeta>();

/** A setting with a default value. */
export function setting<T>(kind: Kind<T>, about: About & { readonly default: NoInfer<T> }) {
  return z
    .prefault(kind.schema, about.default)
    .register(registry, { ...about, expected: kind.expected, type: kind.type });
}

/** A setting that may be absent. */
export function optional<T>(kind: Kind<T>, about: About) {
  return kind.schema
    .optional()
    .register(registry, { ...about, expected: kind.expected, type: kind.type });
}

/** One leaf of the schema. */
export interface Setting extends SettingMeta {
  /** Place in the file: `['media', 'maxImageBytes']`. */
  readonly path: readonly string[];
  /** The same, joined by dots. */
  readonly key: string;
  /** Environment names, the one that wins first. */
  readonly names: readonly string[];
  readonly defaultValue: unknown;
}

/** The leaves of a schema made of strict objects, in the order they are written. */
export function settingsOf(schema: z.ZodObject, path: readonly string[] = []): readonly Setting[] {
  return Object.entries(schema.shape).flatMap(([name, member]) => {
    const here = [...path, name];
    return member instanceof z.ZodObject
      ? settingsOf(member, here)
      : [leafOf(member as z.ZodType, here)];
  });
}

function leafOf(schema: z.ZodType, path: readonly string[]): Setting {
  const meta = registry.get(schema);
  if (meta === undefined) {
    throw new Error(`The setting ${path.join('.')} has no description.`);
  }
  const derived = `STOWAGE_${path
    .join('_')
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toUpperCase()}`;
  const names = meta.env === undefined ? [derived] : [derived, meta.env];
  return { ...meta, path, key: path.join('.'), names, defaultValue: schema.parse(undefined) };
}
