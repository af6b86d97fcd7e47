import { own } from '../../../core/own.ts';
import type {
  ChannelChange,
  ChannelPlan,
  ManagedChannel,
} from '../../../core/settings/channel-admin.ts';
import { failed } from '../../failure.ts';

/** Upload API 4.11: a group of the page, and how it names what we have. */
export interface PageGroup {
  readonly name: string;
  /** `type` of its channels on the wire. */
  readonly label: string;
  /** Types of our channels that appear in it. New ones are of the first. */
  readonly types: readonly [string, ...string[]];
  /** Names of the page and of our settings. */
  readonly fields: Readonly<Record<string, string>>;
}

export const pageGroups: readonly PageGroup[] = [
  {
    name: 'telegram',
    label: 'TelegramNew',
    types: ['telegram'],
    fields: { botToken: 'botToken', chatId: 'chatId', proxyUrl: 'proxyUrl' },
  },
  {
    name: 'cfr2',
    label: 'CloudflareR2',
    types: ['r2', 'cfr2'],
    fields: {
      accountId: 'accountId',
      accessKeyId: 'accessKeyId',
      secretAccessKey: 'secretAccessKey',
      bucketName: 'bucket',
      publicUrl: 'publicUrl',
    },
  },
  {
    name: 's3',
    label: 'S3',
    types: ['s3', 'b2', 'minio', 'spaces', 'wasabi'],
    fields: {
      accessKeyId: 'accessKeyId',
      secretAccessKey: 'secretAccessKey',
      region: 'region',
      bucketName: 'bucket',
      endpoint: 'endpoint',
      pathStyle: 'pathStyle',
      cdnDomain: 'publicUrl',
      userAgent: 'userAgent',
    },
  },
  {
    name: 'discord',
    label: 'Discord',
    types: ['discord'],
    fields: {
      botToken: 'botToken',
      channelId: 'channelId',
      proxyUrl: 'proxyUrl',
      isNitro: 'nitro',
    },
  },
  {
    name: 'huggingface',
    label: 'HuggingFace',
    types: ['huggingface'],
    fields: { token: 'token', repo: 'repo', isPrivate: 'private' },
  },
  {
    name: 'webdav',
    label: 'WebDAV',
    types: ['webdav'],
    fields: {
      baseUrl: 'baseUrl',
      username: 'username',
      password: 'password',
      publicUrl: 'publicUrl',
      headers: 'headers',
      createDirectory: 'createDirectory',
    },
  },
];

/** Stands for a secret that is set. Sent back, it keeps it. */
export const mask = '********';

/** The page reads headers as an object or its text, which a mask is not. */
const unmasked = new Set(['headers']);

export function presentGroup(
  group: PageGroup,
  channels: readonly ManagedChannel[],
  isBalanced: boolean,
) {
  const members = channels.filter(({ type }) => group.types.includes(type));
  return {
    channels: members.map((channel, index) => presentMember(channel, group, index + 1)),
    loadBalance: { enabled: isBalanced, channels: [] },
  };
}

function presentMember(channel: ManagedChannel, { label, fields }: PageGroup, id: number) {
  const { name, enabled, draining, isFixed, quota, settings, secrets } = channel;
  const shown = Object.entries(fields).map(([field, setting]) => {
    const isMasked = secrets.includes(setting) && !unmasked.has(field);
    return [field, isMasked ? mask : (own(settings, setting) ?? '')];
  });
  return {
    id,
    stowageId: channel.id,
    name,
    type: label,
    savePath: isFixed ? 'environment variable' : 'database',
    enabled: enabled && !draining,
    fixed: isFixed,
    ...Object.fromEntries(shown),
    quota: {
      enabled: quota !== undefined,
      limitGB: quota?.limitGB ?? 10,
      threshold: quota?.threshold ?? 95,
    },
  };
}

/**
 * What the page's groups ask for. A group that is absent stays as it is; of one that is there, the
 * channels that are absent are removed.
 */
export function planOf(
  body: Readonly<Record<string, unknown>>,
  channels: readonly ManagedChannel[],
): ChannelPlan {
  const plans = pageGroups.map((group) => planGroup(group, own(body, group.name), channels));
  return {
    changes: plans.flatMap(({ changes }) => changes),
    removes: plans.flatMap(({ removes }) => removes),
  };
}

function planGroup(
  group: PageGroup,
  sent: unknown,
  channels: readonly ManagedChannel[],
): ChannelPlan {
  const members = recordOf(sent)?.channels;
  if (!Array.isArray(members)) {
    return { changes: [], removes: [] };
  }
  const known = channels.filter(({ type }) => group.types.includes(type));
  const kept = new Set<string>();
  const changes = members.flatMap((member: unknown) => {
    const fields = memberOf(member, group);
    const meant = findMeant(fields, known);
    if (meant !== undefined) {
      kept.add(meant.id);
    }
    const isFixed = meant?.isFixed === true || fields.fixed === true;
    return isFixed ? [] : [changeOf(fields, group, meant)];
  });
  const removes = known.filter(({ id, isFixed }) => !isFixed && !kept.has(id));
  return { changes, removes: removes.map(({ id }) => id) };
}

function memberOf(member: unknown, { name }: PageGroup): Readonly<Record<string, unknown>> {
  const fields = recordOf(member);
  if (fields === undefined) {
    throw failed({
      code: 'validation_error',
      message: `${name}.channels must hold objects.`,
      details: { fields: [name] },
    });
  }
  return fields;
}

/** By our id where the page sends it back, otherwise by name: the page numbers its ids anew. */
function findMeant(
  { stowageId, name }: Readonly<Record<string, unknown>>,
  known: readonly ManagedChannel[],
): ManagedChannel | undefined {
  return known.find(({ id }) => id === stowageId) ?? known.find((one) => one.name === name);
}

function changeOf(
  sent: Readonly<Record<string, unknown>>,
  group: PageGroup,
  before: ManagedChannel | undefined,
): ChannelChange {
  const settings = Object.entries(group.fields).flatMap(([field, setting]) => {
    const value = settingValue(own(sent, field), before?.secrets.includes(setting) === true);
    return value === undefined ? [] : [[setting, value] as const];
  });
  return {
    id: before?.id,
    type: before === undefined ? group.types[0] : undefined,
    draining: sent.enabled === true ? false : undefined,
    common: { name: sent.name, enabled: sent.enabled, quota: quotaOf(sent.quota) },
    settings: Object.fromEntries(settings),
  };
}

/** Undefined keeps what is there; null is the default. */
function settingValue(value: unknown, isSecretSet: boolean): unknown {
  const isBlank = value === '' || value === mask || isEmptyObject(value);
  if (!isBlank) {
    return value;
  }
  return isSecretSet ? undefined : null;
}

function quotaOf(sent: unknown): unknown {
  const quota = recordOf(sent);
  if (quota === undefined) {
    return undefined;
  }
  return quota.enabled === true ? { limitGB: quota.limitGB, threshold: quota.threshold } : null;
}

function isEmptyObject(value: unknown): boolean {
  return recordOf(value) !== undefined && Object.keys(value as object).length === 0;
}

export function recordOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}
