import type { MetadataStore } from '../core/metadata.ts';
import { accountStore } from './access/accounts.ts';
import { addressStore } from './access/addresses.ts';
import { sessionStore } from './access/sessions.ts';
import { tokenStore } from './access/tokens.ts';
import { channelStore } from './channels.ts';
import { watchContent } from './content-version.ts';
import type { Context } from './context.ts';
import { jobQueries } from './job-queries.ts';
import { jobStore } from './jobs.ts';
import { leaseStore } from './leases.ts';
import { fileStore } from './library/files.ts';
import { folderStore } from './library/folders.ts';
import { libraryStore } from './library/library.ts';
import { recordStore } from './library/records.ts';
import { replicaStore } from './library/replicas.ts';
import { smallObjectStore } from './library/small-objects.ts';
import { migration, pendingMigrations } from './migrate.ts';
import { migrations } from './migrations/index.ts';
import { settingStore } from './settings.ts';
import { idempotencyStore } from './uploads/idempotency.ts';
import { uploadStore } from './uploads/uploads.ts';

/** The metadata store on any engine. All SQL is in this folder. */
export function kyselyStore({ flavor, engine }: Context): MetadataStore {
  const watched = watchContent(engine);
  const context: Context = { flavor, engine: watched.engine };
  const jobs = jobQueries(context.flavor);
  const migrate = migration(context.flavor, migrations);
  return {
    files: fileStore(context, jobs),
    library: libraryStore(context),
    uploads: uploadStore(context, jobs),
    tokens: tokenStore(context),
    accounts: accountStore(context),
    sessions: sessionStore(context),
    channels: channelStore(context),
    jobs: jobStore(context, jobs),
    idempotency: idempotencyStore(context),
    settings: settingStore(context),
    replicas: replicaStore(context, jobs),
    leases: leaseStore(context),
    addresses: addressStore(context),
    records: recordStore(context),
    smallObjects: smallObjectStore(context),
    folders: folderStore(context),
    migrate: () => context.engine.transact(migrate, { essential: true, withoutTimeout: true }),
    pendingMigrations: () => pendingMigrations(context, migrations),
    contentVersion: watched.contentVersion,
    settled: (options) => context.engine.settled(options),
    check: () => context.engine.check(),
    time: context.engine.time,
    close: () => context.engine.close(),
  };
}
