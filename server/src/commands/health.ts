import { get } from 'node:http';
import { loadConfigOrExplain } from './load.ts';
import { ownAddress } from './own-address.ts';
import { readArguments } from './read-arguments.ts';

const usage = `Usage: stowage health

Asks the server with these settings whether it lives. Exit code: 0 when it does, 1 otherwise.
`;

/** Below the timeout of a container's health check, so that the sentence is still printed. */
const timeoutMs = 4000;

/**
 * Asks the server with these settings whether it is alive. Returns 0 when it is. For health checks
 * of containers, which know the settings but not the address.
 */
export async function health(args: readonly string[]): Promise<number> {
  const given = readArguments(args, { usage, options: {} });
  if (typeof given === 'number') {
    return given;
  }
  const config = loadConfigOrExplain();
  if (config === undefined) {
    return 1;
  }
  if (config.port === 0) {
    return explain('PORT is 0, so the server took a free port that only it knows.');
  }
  const url = `${ownAddress(config, config.port)}/healthz`;
  const problem = await problemOf(url);
  if (problem !== undefined) {
    return explain(`${url} ${problem}`);
  }
  process.stdout.write(`${url} is well\n`);
  return 0;
}

/** Not by `fetch`, which refuses some ports. */
function problemOf(url: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const request = get(url, { signal: AbortSignal.timeout(timeoutMs) }, ({ statusCode }) => {
      resolve(statusCode === 200 ? undefined : `returned ${statusCode}.`);
      request.destroy();
    });
    request.on('error', (error) => {
      resolve(
        error.name === 'AbortError'
          ? `did not answer within ${timeoutMs / 1000} s.`
          : `cannot be reached: ${error.message}`,
      );
    });
  });
}

function explain(sentence: string): number {
  process.stderr.write(`${sentence}\n`);
  return 1;
}
