import type { Driver } from './channels/driver.ts';
import { checkChannel, isSecret, shapeOf } from './config/channels.ts';
import type { Json } from './core/bytes.ts';
import { fail } from './core/errors.ts';
import { own } from './core/own.ts';
import type { ChannelTypes } from './core/settings/channel-entry.ts';

/**
 * What names a place on the disk of the server. Only the configuration may: over HTTP, a caller
 * could read or fill any folder.
 */
const onDisk: Readonly<Record<string, 'all' | readonly string[]>> = {
  local: 'all',
  telegram: ['filesDir'],
};

/** Checks channels as `channels` of the configuration is checked. */
export function createChannelTypes(drivers: readonly Driver[]): ChannelTypes {
  const find = (type: unknown) => drivers.find((driver) => driver.type === type);
  return {
    secretsOf: (type) => secretsOf(find(type)),
    groupOf: (type) => find(type)?.group.name,
    check({ type, common, settings }) {
      const problems = diskProblems(type, settings);
      const entry = { ...settings, ...withoutAbsent(common), type };
      const checked = checkChannel(entry, { drivers, report: (problem) => problems.push(problem) });
      if (checked === undefined || problems.length > 0) {
        throw notValid(problems);
      }
      const { id: _, settings: own, ...rest } = checked;
      return { ...rest, settings: own as Readonly<Record<string, Json>> };
    },
  };
}

function secretsOf(driver: Driver | undefined): ReadonlySet<string> | undefined {
  if (driver === undefined) {
    return undefined;
  }
  const members = Object.entries(shapeOf(driver.settings));
  return new Set(members.flatMap(([name, schema]) => (isSecret(schema) ? [name] : [])));
}

function diskProblems(type: unknown, settings: object): string[] {
  const refused = typeof type === 'string' ? own(onDisk, type) : undefined;
  if (refused === 'all') {
    return [`type ${type} names a folder of the server: add it to the configuration file.`];
  }
  return (refused ?? [])
    .filter((name) => Object.hasOwn(settings, name))
    .map((name) => `${name} names a folder of the server: set it in the configuration file.`);
}

function withoutAbsent(common: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(common).filter(([, value]) => value !== undefined && value !== null),
  );
}

function notValid(problems: readonly string[]) {
  const fields = problems.map((problem) => problem.split(' ', 1)[0]);
  return fail('validation_error', {
    message: problems.join(' '),
    details: { fields: [...new Set(fields)] },
  });
}
