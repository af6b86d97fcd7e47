import type { Logger } from 'pino';
import { type App, createApp } from '../app.ts';
import type { Config } from '../config.ts';
import { keepAdminPassword } from '../core/access/sign-in.ts';
import { fail, isStowageError } from '../core/errors.ts';
import { prepareDataFolder } from '../data-folder.ts';
import { lockDataFolder } from '../data-folder-lock.ts';
import { sharingProblems } from '../nodes.ts';
import { whenItAnswers } from '../wait-for-database.ts';
import { holdEnvironmentToken } from './environment-token.ts';
import { explainError } from './explain.ts';

export interface Opened {
  readonly app: App;
  /** True when no token exists yet. */
  readonly isFirstStart: boolean;
  /** Whether the administrator has a password. */
  readonly hasAccount: boolean;
  /** Stops everything, then releases the data folder. */
  close(): Promise<void>;
}

/** Undefined when the server cannot start; the reason has then been printed. */
export async function openApp(config: Config, log: Logger): Promise<Opened | undefined> {
  const undo: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) {
      await step();
    }
  };
  try {
    const [problem] = sharingProblems(config);
    if (problem !== undefined) {
      throw fail('conflict', { message: problem });
    }
    await prepareDataFolder(config.dataDir);
    undo.push(lockDataFolder(config.dataDir, log).release);
    const app = await createApp(config, log);
    undo.push(app.stop);
    const { now, metadata } = app;
    const { tokens } = metadata;
    const hold = () => holdEnvironmentToken({ config, tokens, now, log });
    undo.push((await whenItAnswers(hold, { config, log })).stop);
    const { name, password } = config.admin;
    if (password !== undefined) {
      await keepAdminPassword(metadata, { name, password }, now());
    }
    const hasAccount = (await metadata.accounts.list()).length > 0;
    return { app, isFirstStart: (await tokens.list()).length === 0, hasAccount, close };
  } catch (error) {
    await close();
    if (!isStowageError(error)) {
      throw error;
    }
    process.stderr.write(`Stowage cannot start: ${explainError(error)}\n`);
    return undefined;
  }
}
