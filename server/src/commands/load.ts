import { drivers } from '../channels/index.ts';
import { type Config, loadConfig } from '../config.ts';

/** The configuration, or undefined after printing every problem to standard error. */
export function loadConfigOrExplain(): Config | undefined {
  const loaded = loadConfig({ env: process.env, cwd: process.cwd(), drivers });
  if ('config' in loaded) {
    return loaded.config;
  }
  const count = loaded.problems.length;
  process.stderr.write(
    `Stowage cannot start, the configuration has ${count === 1 ? 'a problem' : `${count} problems`}:\n`,
  );
  for (const problem of loaded.problems) {
    process.stderr.write(`  - ${problem}\n`);
  }
  return undefined;
}
