import type { AddressInfo } from 'node:net';
import packageJson from '../../package.json' with { type: 'json' };
import { type App, createApp } from '../app.ts';
import { authCodeWarning, type Config, publicBindProblem } from '../config.ts';
import { allPermissions, environmentTokenId, tokenRecord } from '../core/access.ts';
import { isStowageError } from '../core/errors.ts';
import type { MetadataStore } from '../core/metadata.ts';
import { giveBackMemory } from '../core/turnover.ts';
import { createLogger } from '../logger.ts';
import { handOverAdminToken } from './admin-token.ts';
import { explainError } from './explain.ts';
import { loadConfigOrExplain } from './load.ts';
import { listeningAddress, ownAddress } from './own-address.ts';

type Logger = ReturnType<typeof createLogger>;

export async function serve(): Promise<number> {
  const config = loadConfigOrExplain();
  if (config === undefined) return 1;
  const log = createLogger(config.log);
  const app = await openApp(config, log);
  if (app === undefined) return 1;
  const isFirstStart = await syncEnvironmentToken(config, app.metadata);
  const problem = publicBindProblem(config, !isFirstStart);
  if (problem !== undefined) {
    process.stderr.write(`${problem}\n`);
    await app.stop();
    return 1;
  }
  await app.start();
  try {
    await app.http.listen({ host: config.host, port: config.port });
  } catch (error) {
    const where = listeningAddress(config, config.port).replace('http://', '');
    process.stderr.write(`Stowage cannot listen on ${where}: ${whyNotListening(error)}\n`);
    await app.stop();
    return 1;
  }
  // Before anybody is told that it is ready: whoever waits for that line may stop it at once.
  const stopping = stopSignal();
  const { port } = app.http.server.address() as AddressInfo;
  const warning = authCodeWarning(config);
  if (warning !== undefined) log.warn(warning);
  giveBackMemory();
  sayReady(config, port, log);
  // Made only now: a token that was stored by a start that failed would never be shown.
  if (isFirstStart && !(await handOver(app, config, port))) {
    await app.stop();
    return 1;
  }

  const signal = await stopping;
  log.info({ signal }, 'Stopping: running requests may finish');
  await app.stop();
  return 0;
}

async function openApp(config: Config, log: Logger): Promise<App | undefined> {
  try {
    return await createApp(config, log);
  } catch (error) {
    if (!isStowageError(error)) throw error;
    process.stderr.write(`Stowage cannot start: ${explainError(error)}\n`);
    return undefined;
  }
}

function whyNotListening(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return 'another program has that port. Stop it, or choose another port, such as PORT=8081.';
  if (code === 'EACCES') return 'this user may not have that port. Choose one above 1023, such as PORT=8080.';
  if (code === 'EADDRNOTAVAIL') return 'this machine has no such address. Check HOST.';
  return message;
}

/** Keeps the token of the environment in step with it. True when there is no token at all, so that one has to be made. */
async function syncEnvironmentToken(config: Config, { tokens }: MetadataStore): Promise<boolean> {
  const known = await tokens.get(environmentTokenId);
  const wanted =
    config.adminToken === undefined
      ? undefined
      : tokenRecord(
          config.adminToken,
          { id: environmentTokenId, name: 'STOWAGE_ADMIN_TOKEN', permissions: allPermissions },
          Date.now(),
        );
  if (known !== undefined && known.hash !== wanted?.hash) await tokens.remove(environmentTokenId);
  if (wanted && known?.hash !== wanted.hash) await tokens.add(wanted);
  return (await tokens.list()).length === 0;
}

async function handOver({ metadata }: App, config: Config, port: number): Promise<boolean> {
  try {
    await handOverAdminToken({ metadata, dataDir: config.dataDir, address: ownAddress(config, port) });
    return true;
  } catch (error) {
    process.stderr.write(`The admin token cannot be written to the data folder: ${(error as Error).message}\n`);
    return false;
  }
}

/** Programs wait for this line: it is the first one of a server that is ready, and its address is the one it listens on. */
function sayReady(config: Config, port: number, log: Logger): void {
  const address = listeningAddress(config, port);
  const open = config.publicUrl ?? ownAddress(config, port);
  process.stdout.write(`Stowage is ready at ${address}${open === address ? '' : ` (open ${open})`}\n`);
  log.info(
    {
      version: packageJson.version,
      node: process.versions.node,
      address,
      dataDir: config.dataDir,
      database: config.databaseUrl === undefined ? 'sqlite' : 'postgresql',
      channels: config.channels.map(({ type, name }) => `${type}/${name}`),
    },
    'Started',
  );
}

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process at once. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const onSignal = (signal: NodeJS.Signals): void => {
      resolve(signal);
      process.once('SIGINT', () => process.exit(130));
      process.once('SIGTERM', () => process.exit(143));
    };
    process.once('SIGINT', onSignal);
    process.once('SIGTERM', onSignal);
  });
}
