import { createFaults, type Faults } from '../emulator-kit.ts';
import type { HubState } from './access.ts';
import { type LoggedCall, startHost } from './http.ts';
import { routeHub } from './hub.ts';
import { newRepo, type Repo } from './repo.ts';
import { createStorage } from './storage.ts';

export type HubEmulatorOptions = Partial<
  Pick<
    HubState,
    'token' | 'user' | 'orgs' | 'role' | 'multipartFromBytes' | 'chunkBytes' | 'verify' | 'commitMs'
  >
> & {
  /** Delay of every answer of both hosts. */
  readonly latencyMs?: number;
};

/**
 * A Hugging Face hub for tests: the calls that our driver and the service's own client library make
 * for dataset repositories, with LFS objects on disk behind signed links of a second host (another
 * origin, as S3 and the CDN are).
 */
export interface HubEmulator {
  readonly url: string;
  readonly storageUrl: string;
  readonly token: string;
  readonly user: string;
  addRepo(name: string, isPrivate?: boolean): void;
  repo(name: string): Repo | undefined;
  /** Paths on a branch but `.gitattributes`. */
  files(name: string, branch?: string): readonly string[];
  /** Summaries of the commits on a branch, the first one (by the hub) left out. */
  commits(name: string, branch?: string): readonly string[];
  /** `repo/oid` of every object in LFS storage, and what is left of unfinished ones. */
  objects(): Promise<readonly string[]>;
  /**
   * By name of the call: `commit`, `preupload`, `lfs-batch`, `lfs-put`, `part-put`, `storage-get`,
   * ... (`hub.ts`, `storage.ts`).
   */
  readonly faults: Faults;
  readonly hubLog: readonly LoggedCall[];
  readonly storageLog: readonly LoggedCall[];
  close(): Promise<void>;
}

const defaults = {
  token: 'hf_emulatorTokenAbcdef0123456789',
  user: 'ada',
  orgs: ['lab'],
  role: 'write',
  multipartFromBytes: 8 * 1024 * 1024,
  chunkBytes: 3 * 1024 * 1024,
  verify: true,
  commitMs: 0,
} as const;

export async function startHubEmulator({
  latencyMs = 0,
  ...options
}: HubEmulatorOptions = {}): Promise<HubEmulator> {
  const faults = createFaults();
  const repos = new Map<string, Repo>();
  const storage = createStorage(() => storageHost);
  const state: HubState = { ...defaults, ...options, repos, storage, baseUrl: () => hubHost.url };
  const hubHost = await startHost({ faults, latencyMs, route: (call) => routeHub(state, call) });
  const storageHost = await startHost({ faults, latencyMs, route: storage.route });
  const branchOf = (name: string, branch = 'main') => repos.get(name)?.branches.get(branch);
  return {
    url: hubHost.url,
    storageUrl: storageHost.url,
    token: state.token,
    user: state.user,
    addRepo: (name, isPrivate = false) => void repos.set(name, newRepo(name, isPrivate)),
    repo: (name) => repos.get(name),
    files: (name, branch) =>
      [...(branchOf(name, branch)?.files.keys() ?? [])].filter((path) => path !== '.gitattributes'),
    commits: (name, branch) => branchOf(name, branch)?.commits.slice(1) ?? [],
    objects: () => storage.objects(),
    faults,
    hubLog: hubHost.log,
    storageLog: storageHost.log,
    close: async () => {
      await Promise.all([hubHost.stop(), storageHost.stop()]);
    },
  };
}
