import { z } from 'zod';
import { named } from '../../openapi/named.ts';
import { json, route } from '../../route.ts';

const settingsAnswer = named('BackupSettingsAnswer', () =>
  z.strictObject({
    success: z.literal(true),
    settings: z.strictObject({
      blockipList: z.string().meta({ description: 'Blocked addresses, separated by commas.' }),
    }),
  }),
);

/** Upload API 4.6. Channels and their secrets are no part of it. */
export const getBackupSettings = route({
  id: 'getBackupSettings',
  method: 'GET',
  path: '/api/manage/batch/settings',
  permission: 'manage',
  tag: 'Management',
  summary: 'Settings for a backup',
  description: 'Holds no secrets.',
  answers: {
    200: {
      description: 'What a restore takes.',
      content: json(settingsAnswer, {
        one: { value: { success: true, settings: { blockipList: '192.0.2.7' } } },
      }),
    },
  },
  async handler({ reply, deps }) {
    const blocked = await deps.metadata.addresses.blocked();
    return reply.send({ success: true, settings: { blockipList: blocked.join(',') } });
  },
});
