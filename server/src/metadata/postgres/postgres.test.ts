import { afterAll, beforeAll, describe } from 'vitest';
import { metadataConformance } from '../../../test/conformance/metadata.ts';
import {
  type PostgresService,
  postgresMissing,
  startPostgres,
} from '../../../test/services/postgres.ts';
import type { MetadataStore } from '../../core/metadata.ts';
import { openPostgres } from './postgres.ts';

describe.skipIf(postgresMissing)(`with a server ${postgresMissing ?? ''}`, () => {
  let service: PostgresService | undefined;
  beforeAll(async () => {
    service = await startPostgres();
  });
  afterAll(() => service?.stop());

  metadataConformance('PostgreSQL', async () => {
    if (!service) {
      throw new Error('PostgreSQL is not running');
    }
    const url = await service.createDatabase();
    const stores: MetadataStore[] = [];
    const reopen = async () => {
      const store = openPostgres({ url, poolSize: 10 });
      stores.push(store);
      return store;
    };
    return {
      store: await reopen(),
      reopen,
      async destroy() {
        await Promise.all(stores.map((store) => store.close()));
      },
    };
  });
});
