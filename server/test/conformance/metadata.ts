import { afterAll, beforeAll, describe } from 'vitest';
import type { MetadataStore } from '../../src/core/metadata.ts';
import { accountTests } from './metadata/accounts.ts';
import { addressTests } from './metadata/addresses.ts';
import { channelTests } from './metadata/channels.ts';
import { contentVersionTests } from './metadata/content-version.ts';
import { fileTests } from './metadata/files.ts';
import { folderTests } from './metadata/folders.ts';
import { idempotencyTests } from './metadata/idempotency.ts';
import { jobTests } from './metadata/jobs.ts';
import { leaseTests } from './metadata/leases.ts';
import { libraryTests } from './metadata/library.ts';
import { partTests } from './metadata/parts.ts';
import { pathTests } from './metadata/paths.ts';
import { recordTests } from './metadata/records.ts';
import { removalTests } from './metadata/removal.ts';
import { replicaTests } from './metadata/replicas.ts';
import { sessionTests } from './metadata/sessions.ts';
import { settingTests } from './metadata/settings.ts';
import { smallObjectTests } from './metadata/small-objects.ts';
import { storeTests } from './metadata/store.ts';
import { storedChannelTests } from './metadata/stored-channels.ts';
import { textTests } from './metadata/text.ts';
import { tokenTests } from './metadata/tokens.ts';
import { uploadTests } from './metadata/uploads.ts';

/** An empty database. */
export interface OpenedMetadata {
  /** Not migrated yet. */
  readonly store: MetadataStore;
  /** One more store on the same data: another node, or the same one after a restart. */
  reopen(): Promise<MetadataStore>;
  /** Closes every store and removes the data. */
  destroy(): Promise<void>;
}

/** Two nodes on one database. */
export interface Nodes {
  readonly store: MetadataStore;
  readonly other: MetadataStore;
}

/** Every promise of `core/metadata.ts`, for any store. */
export function metadataConformance(name: string, open: () => Promise<OpenedMetadata>): void {
  describe(name, () => {
    storeTests(open);
    const topics = {
      files: fileTests,
      library: libraryTests,
      paths: pathTests,
      'removal of files': removalTests,
      uploads: uploadTests,
      'upload parts': partTests,
      tokens: tokenTests,
      accounts: accountTests,
      sessions: sessionTests,
      channels: channelTests,
      'stored channels': storedChannelTests,
      jobs: jobTests,
      idempotency: idempotencyTests,
      settings: settingTests,
      replicas: replicaTests,
      'version of what is read': contentVersionTests,
      leases: leaseTests,
      addresses: addressTests,
      records: recordTests,
      'small objects': smallObjectTests,
      folders: folderTests,
      'text and numbers': textTests,
    };
    for (const [topic, tests] of Object.entries(topics)) {
      describe(topic, () => tests(nodes(open)));
    }
  });
}

/** A database for all tests of a topic: they find their own rows by fresh ids. */
function nodes(open: () => Promise<OpenedMetadata>): () => Nodes {
  let opened: OpenedMetadata | undefined;
  let pair: Nodes | undefined;
  beforeAll(async () => {
    opened = await open();
    await opened.store.migrate();
    pair = { store: opened.store, other: await opened.reopen() };
  });
  afterAll(() => opened?.destroy());
  return () => {
    if (!pair) {
      throw new Error('Not open yet');
    }
    return pair;
  };
}
