import type { AddressInfo } from 'node:net';
import { type App, createApp } from '../app.ts';
import { type Config, publicBindProblem } from '../config.ts';
import { allPermissions, createAccess, tokenRecord } from '../core/access.ts';
import { isStowageError } from '../core/errors.ts';
import { createGuessBrake } from '../core/guess-brake.ts';
import type { MetadataStore } from '../core/metadata.ts';
import { createLogger } from '../logger.ts';
import { loadConfigOrExplain } from './load.ts';

const environmentTokenId = 'environment';

export async function serve(): Promise<number> {
  const config = loadConfigOrExplain();
  if (config === undefined) return 1;
  const log = createLogger(config.log);
  const app = await openApp(config, log);
  if (app === undefined) return 1;
  const adminToken = await ensureAdminToken(config, app.metadata);
  if ('problem' in adminToken) {
    process.stderr.write(`${adminToken.problem}\n`);
    await app.stop();
    return 1;
  }
  await app.start();
  try {
    await app.http.listen({ host: config.host, port: config.port });
  } catch (error) {
    process.stderr.write(`Stowage cannot listen on ${config.host}:${config.port}: ${(error as Error).message}\n`);
    await app.stop();
    return 1;
  }
  const address = `http://${urlHost(config.host)}:${(app.http.server.address() as AddressInfo).port}`;
  process.stdout.write(`Stowage is ready at ${address}\n`);
  if (adminToken.created !== undefined) greet(address, adminToken.created);

  const signal = await stopSignal();
  log.info({ signal }, 'Stopping: running requests may finish');
  await app.stop();
  return 0;
}

async function openApp(config: Config, log: ReturnType<typeof createLogger>): Promise<App | undefined> {
  try {
    return await createApp(config, log);
  } catch (error) {
    if (!isStowageError(error)) throw error;
    process.stderr.write(`Stowage cannot start: ${error.message}\n`);
    return undefined;
  }
}

/** The token of the environment, kept in step with it; or, when there is no token at all, a new one that is shown once. */
async function ensureAdminToken(config: Config, { tokens }: MetadataStore): Promise<{ created?: string } | { problem: string }> {
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
  if (wanted) {
    if (known?.hash !== wanted.hash) await tokens.add(wanted);
    return {};
  }
  const all = await tokens.list();
  const problem = publicBindProblem(config, all.length > 0);
  if (problem !== undefined) return { problem };
  if (all.length > 0) return {};
  const access = createAccess({ tokens, allowAnonymousUploads: false, brake: createGuessBrake(Date.now), now: Date.now });
  const { token } = await access.createToken({ name: 'admin', permissions: allPermissions });
  return { created: token };
}

function greet(address: string, token: string): void {
  process.stdout.write(`
Your admin token, shown this once (only its hash is stored):

  ${token}

Upload a file:

  curl -H "Authorization: Bearer ${token}" -F "file=@photo.jpg" ${address}/upload

`);
}

function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
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
