import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { CheckedReplica, MetadataStore, ReplicaFinding, ReplicaKey } from '../metadata.ts';
import type { ChannelPool } from '../storage/channel-pool.ts';
import { type RepairOptions, repairReplica } from './repair-replica.ts';
import { type Verdict, type VerifyOptions, verifyReplica } from './verify-replica.ts';

/** The outcome of checking a replica. */
export interface ReplicaCheck {
  readonly replica: CheckedReplica;
  readonly type: string;
  readonly channel: string;
  readonly verdict: Verdict;
  /** A broken replica whose objects were replaced with good ones. */
  readonly isRepaired: boolean;
  /** Bytes read. */
  readonly bytes: number;
  /** Why the channel could not be reached. */
  readonly error?: unknown;
}

export interface ScrubOptions extends Omit<RepairOptions, 'metadata'>, VerifyOptions {
  readonly metadata: Pick<MetadataStore, 'replicas' | 'jobs'>;
  readonly pool: ChannelPool;
  readonly channelIds: readonly string[];
  readonly now: Clock;
  readonly log: Log;
  readonly onChecked: (check: ReplicaCheck) => void;
}

const pageSize = 100;
/** Large files end a page early, because results are recorded by page. */
const pageBytes = 256 * 1024 * 1024;

/**
 * Checks the next replicas behind `after`, records the findings and repairs what it can. Returns
 * the last one, undefined when there was none. Skips files that are deleted meanwhile.
 */
export async function scrubPage(
  options: ScrubOptions,
  after: ReplicaKey | undefined,
): Promise<ReplicaKey | undefined> {
  const { metadata, channelIds } = options;
  const page = await metadata.replicas.page({ channelIds, after, limit: pageSize });
  const healthy: ReplicaFinding[] = [];
  let last: ReplicaKey | undefined;
  let bytes = 0;
  for (const replica of page) {
    const check = await checkReplica(replica, options);
    if (check.verdict === 'ok' && (options.quick !== true || replica.state === 'missing')) {
      healthy.push(finding(replica, 'ok', options));
    }
    last = replica;
    bytes += check.bytes;
    if (bytes > pageBytes) {
      break;
    }
  }
  await metadata.replicas.mark(healthy);
  return last;
}

async function checkReplica(replica: CheckedReplica, options: ScrubOptions): Promise<ReplicaCheck> {
  const { channel, type, name } = options.pool.byId(replica.channelId);
  const check: ReplicaCheck = {
    replica,
    type,
    channel: name,
    isRepaired: false,
    ...(await verifyReplica(channel, replica, options)),
  };
  if (check.verdict === 'damaged' || check.verdict === 'missing') {
    await noteBroken(options, check, check.verdict);
  } else {
    options.onChecked(check);
  }
  if (check.verdict === 'unknown') {
    options.log.warn(
      { channel: name, blob: replica.blobId, err: check.error },
      'Could not check a stored copy',
    );
  }
  return check;
}

function finding(
  { blobId, channelId }: ReplicaKey,
  state: ReplicaFinding['state'],
  { now }: ScrubOptions,
): ReplicaFinding {
  return { blobId, channelId, state, verifiedAt: now() };
}

async function noteBroken(
  options: ScrubOptions,
  check: ReplicaCheck,
  verdict: 'damaged' | 'missing',
): Promise<void> {
  const { metadata, log } = options;
  const { replica, channel } = check;
  // Its file may have been deleted while it was read.
  if ((await metadata.replicas.mark([finding(replica, verdict, options)])) === 0) {
    return;
  }
  const fields = {
    channel,
    blob: replica.blobId,
    files: await metadata.replicas.pathsOf(replica.blobId),
  };
  log.error(
    fields,
    verdict === 'damaged' ? 'A stored copy is damaged' : 'A stored copy is missing',
  );
  const isRepaired = await repair(options, check);
  if (isRepaired) {
    log.info(fields, 'Repaired the copy from another one');
  }
  options.onChecked({ ...check, isRepaired });
}

async function repair(options: ScrubOptions, { replica, channel }: ReplicaCheck): Promise<boolean> {
  try {
    return await repairReplica(replica, options);
  } catch (error) {
    options.signal.throwIfAborted();
    options.log.warn(
      { channel, blob: replica.blobId, err: error },
      'Could not repair a stored copy',
    );
    return false;
  }
}
