import { z } from 'zod';
import type { ManagedChannel } from '../../core/settings/channel-admin.ts';
import type { HttpDeps } from '../deps.ts';
import { named } from '../openapi/named.ts';
import { json, route } from '../route.ts';

const stats = () =>
  z
    .record(z.string(), z.strictObject({ usedMB: z.number(), fileCount: z.number() }))
    .meta({ description: 'By name of the channel.' });

const quotaAnswer = named('QuotaAnswer', () =>
  z.strictObject({
    success: z.literal(true),
    quotaStats: stats(),
    totalSizeMB: z.number(),
    totalCount: z.number(),
    lastUpdated: z.number(),
  }),
);

const recountAnswer = named('RecountAnswer', () =>
  z.strictObject({
    success: z.literal(true),
    message: z.string(),
    channelStats: stats(),
    totalSizeMB: z.number(),
    totalCount: z.number(),
    totalUniqueFiles: z.number(),
  }),
);

const bytesPerMB = 2 ** 20;
const usage = { local: { usedMB: 12.5, fileCount: 3 } };
const exampleQuota = {
  success: true,
  quotaStats: usage,
  totalSizeMB: 12.5,
  totalCount: 3,
  lastUpdated: 1_767_225_600_000,
};

const path = '/api/manage/quota';

/** Channels of different types may have one name: they count together. */
async function count({ channelAdmin }: HttpDeps) {
  const channels = await channelAdmin.list();
  const named = Map.groupBy(channels, ({ name }) => name);
  return {
    byName: Object.fromEntries([...named].map(([name, members]) => [name, sum(members)])),
    total: sum(channels),
  };
}

function sum(channels: readonly ManagedChannel[]) {
  const bytes = channels.reduce((total, { usedBytes }) => total + usedBytes, 0);
  return {
    usedMB: Math.round((bytes / bytesPerMB) * 100) / 100,
    fileCount: channels.reduce((total, { objects }) => total + objects, 0),
  };
}

/** Upload API 4.6. */
export const getQuota = route({
  id: 'getQuota',
  method: 'GET',
  path,
  permission: 'manage',
  tag: 'Management',
  summary: 'What channels hold',
  description: 'Counted with every change, and so always current.',
  answers: {
    200: {
      description: 'By channel, and in all.',
      content: json(quotaAnswer, { one: { value: exampleQuota } }),
    },
  },
  async handler({ reply, deps }) {
    const { byName, total } = await count(deps);
    return reply.send({
      success: true,
      quotaStats: byName,
      totalSizeMB: total.usedMB,
      totalCount: total.fileCount,
      lastUpdated: deps.now(),
    });
  },
});

/** Upload API 4.6. */
export const recountQuota = route({
  id: 'recountQuota',
  method: 'POST',
  path,
  permission: 'manage',
  tag: 'Management',
  summary: 'What channels hold, for clients that ask for a new count',
  description: 'Nothing needs counting: the same numbers as GET.',
  answers: {
    200: {
      description: 'By channel, and in all.',
      content: json(recountAnswer, {
        one: {
          value: {
            success: true,
            message: 'Quota recalculated successfully',
            channelStats: usage,
            totalSizeMB: 12.5,
            totalCount: 3,
            totalUniqueFiles: 3,
          },
        },
      }),
    },
  },
  async handler({ reply, deps }) {
    const { byName, total } = await count(deps);
    return reply.send({
      success: true,
      message: 'Quota recalculated successfully',
      channelStats: byName,
      totalSizeMB: total.usedMB,
      totalCount: total.fileCount,
      totalUniqueFiles: total.fileCount,
    });
  },
});
