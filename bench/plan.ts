import type { Cell } from './cell.ts';
import type { Scenario } from './scenarios/scenario.ts';
import type { SubjectKind } from './subject.ts';
import { metadataOnPostgres } from './subjects/metadata.ts';
import { nginx, nginxWithSync } from './subjects/nginx.ts';
import { stowage, stowageOnS3, type Version } from './subjects/stowage.ts';
import { tus } from './subjects/tus.ts';

/** The servers with these ids, and every version of Stowage; says which cannot run here. */
export function chooseKinds(
  ids: readonly string[],
  versions: readonly Version[],
): readonly SubjectKind[] {
  const own = versions.flatMap((version) => [stowage(version), metadataOnPostgres(version)]);
  return [...own, nginx, nginxWithSync, tus, stowageOnS3].filter((kind) => {
    const obstacle = ids.includes(kind.id) ? kind.obstacle() : undefined;
    if (obstacle !== undefined) {
      console.log(`Without ${kind.name} (${kind.scenarios ?? 'all scenarios'}): ${obstacle}.`);
    }
    return ids.includes(kind.id) && obstacle === undefined;
  });
}

/**
 * Which server comes first changes from round to round and from scenario to scenario; in every
 * other round the rest come in the opposite order, so that neighbours change places.
 */
export function cellsOf(
  kinds: readonly SubjectKind[],
  plan: readonly Scenario[],
  rounds: number,
): readonly Cell[] {
  return Array.from({ length: rounds }, (_, round) =>
    plan.flatMap((scenario, place) => {
      const able = kinds.filter((kind) => kind.scenarios?.includes(scenario.id) !== false);
      const first = (round + place) % Math.max(1, able.length);
      return turned(able, first, round % 2 === 1).map((kind) => ({ scenario, kind, round }));
    }),
  ).flat();
}

function turned<T>(all: readonly T[], first: number, isBackwards: boolean): readonly T[] {
  return isBackwards
    ? [...all.slice(0, first + 1).toReversed(), ...all.slice(first + 1).toReversed()]
    : [...all.slice(first), ...all.slice(0, first)];
}
