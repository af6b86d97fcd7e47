import { delimiter, dirname, join } from 'node:path';
import { fromRegistry } from './from-registry.ts';

/** Releases of Node that the packages are tried on beside the one that runs the tests. */
const releases = { 20: '20.20.2', 22: '22.23.5', 24: '24.22.3' } as const;

const platform = `${process.platform}-${process.arch}`;

/** Their binaries come from the registry, which has them for these platforms. */
export const hasOtherNodes = ['linux-x64', 'linux-arm64'].includes(platform);

/** The environment of this process, but `node` is the given release (20, 22, 24 or this one). */
export type NodeEnvironment = (
  major: number,
  more?: Readonly<Record<string, string>>,
) => NodeJS.ProcessEnv;

/** Installs the releases, or finds them in the temporary folder where the last run left them. */
export async function nodeEnvironments(): Promise<NodeEnvironment> {
  const dependencies = Object.entries(releases).map(([major, version]) => [
    `n${major}`,
    `npm:node-${platform}@${version}`,
  ]);
  const folder = await fromRegistry('nodes', { dependencies: Object.fromEntries(dependencies) });
  return (major, more) => {
    const isThis = major === Number.parseInt(process.versions.node, 10);
    const first = isThis
      ? dirname(process.execPath)
      : join(folder, 'node_modules', `n${major}`, 'bin');
    return { ...process.env, PATH: [first, process.env.PATH].join(delimiter), ...more };
  };
}
