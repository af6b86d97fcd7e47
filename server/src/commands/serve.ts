import type { AddressInfo } from 'node:net';
import packageJson from '../../package.json' with { type: 'json' };
import type { App } from '../app.ts';
import { authCodeWarning, type Config, publicBindProblem } from '../config.ts';
import { giveBackMemory } from '../core/streams/gc-pressure.ts';
import { createLogger } from '../logger.ts';
import { makeAdminToken } from './admin-token.ts';
import { loadConfigOrExplain } from './load.ts';
import { type Opened, openApp } from './open-app.ts';
import { listeningAddress, ownAddress } from './own-address.ts';
import { print } from './print.ts';
import { readArguments } from './read-arguments.ts';
import { dropSetupLink, makeSetupLink } from './setup-link.ts';

type Logger = ReturnType<typeof createLogger>;

const usage = `Usage: stowage serve

Starts the server. Settings come from the environment and stowage.config.json, see docs/configuration.md.
`;

export async function serve(args: readonly string[]): Promise<number> {
  const given = readArguments(args, { usage, options: {} });
  if (typeof given === 'number') {
    return given;
  }
  const config = loadConfigOrExplain();
  if (config === undefined) {
    return 1;
  }
  const log = createLogger(config.log);
  const stopEarly = endOnSignal();
  const opened = await openApp(config, log);
  if (opened === undefined) {
    return 1;
  }
  const { app, isFirstStart, hasAccount, close } = opened;
  const problem = publicBindProblem(config, hasAccount || !isFirstStart);
  if (problem !== undefined) {
    process.stderr.write(`${problem}\n`);
    await close();
    return 1;
  }
  await app.start();
  try {
    await app.http.listen({ host: config.host, port: config.port });
  } catch (error) {
    const where = listeningAddress(config, config.port).replace('http://', '');
    process.stderr.write(`Stowage cannot listen on ${where}: ${whyNotListening(error)}\n`);
    await close();
    return 1;
  }
  // Installed before the line that the server is ready, because a program that waits for the line
  // may stop the server at once.
  const stopping = stopSignal();
  stopEarly();
  const { port } = app.http.server.address() as AddressInfo;
  const warning = authCodeWarning(config);
  if (warning !== undefined) {
    log.warn(warning);
  }
  // Created only now, because a token stored by a failed start would never be shown. Comes before
  // the line that programs wait for.
  const notice = isFirstStart ? await adminTokenNotice(app, config, port) : '';
  if (notice === undefined) {
    await close();
    return 1;
  }
  giveBackMemory();
  logReady(config, port, log);
  print(notice);
  print(await setupNotice(opened, { config, port, log }));

  const signal = await stopping;
  log.info({ signal }, 'Stopping: running requests may finish');
  await close();
  return 0;
}

function whyNotListening(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') {
    return 'another program has that port. Stop it, or choose another port, such as PORT=8081.';
  }
  if (code === 'EACCES') {
    return 'this user may not have that port. Choose one above 1023, such as PORT=8080.';
  }
  if (code === 'EADDRNOTAVAIL') {
    return 'this machine has no such address. Check HOST.';
  }
  return message;
}

async function adminTokenNotice(
  { metadata }: App,
  config: Config,
  port: number,
): Promise<string | undefined> {
  try {
    return await makeAdminToken({
      metadata,
      dataDir: config.dataDir,
      address: ownAddress(config, port),
    });
  } catch (error) {
    process.stderr.write(
      `The admin token cannot be written to the data folder: ${(error as Error).message}\n`,
    );
    return undefined;
  }
}

interface Running {
  readonly config: Config;
  readonly port: number;
  readonly log: Logger;
}

async function setupNotice(
  { app, hasAccount }: Opened,
  { config, port, log }: Running,
): Promise<string> {
  const { dataDir, publicUrl } = config;
  try {
    if (hasAccount) {
      await dropSetupLink(dataDir);
      return '';
    }
    const address = publicUrl ?? ownAddress(config, port);
    return await makeSetupLink({ sessions: app.sessions, dataDir, address });
  } catch (error) {
    // A token needs no password, and `stowage admin set-password` sets one too.
    log.warn({ err: error }, 'Could not make the link that sets the first password');
    return '';
  }
}

/**
 * Programs wait for this line: it is the first line of a server that is ready, with the address it
 * listens on.
 */
function logReady(config: Config, port: number, log: Logger): void {
  const address = listeningAddress(config, port);
  const open = config.publicUrl ?? ownAddress(config, port);
  print(`Stowage is ready at ${address}\n`);
  if (open !== address) {
    print(`Open ${open}\n`);
  }
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

/**
 * A start may wait for its database. The first process of a container ends only on signals it
 * listens to.
 */
function endOnSignal(): () => void {
  const onInterrupt = (): never => process.exit(130);
  const onTerminate = (): never => process.exit(143);
  process.once('SIGINT', onInterrupt);
  process.once('SIGTERM', onTerminate);
  return () => {
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onTerminate);
  };
}

/** Resolves at the first SIGTERM or SIGINT. A second one ends the process at once. */
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
