import { z } from 'zod';
import { own } from '../../../core/own.ts';
import { jsonFailures } from '../../body/json-body.ts';
import type { HttpDeps } from '../../deps.ts';
import { named } from '../../openapi/named.ts';
import { json, route } from '../../route.ts';
import { holdsFiles, notAChannel, takenName } from '../managed-channels/managed-channel.ts';
import { readAuthorizedJson } from '../read-authorized-json.ts';
import { mask, pageGroups, planOf, presentGroup, recordOf } from './upload-groups.ts';

const group = () =>
  z.looseObject({
    channels: z.array(z.looseObject({ name: z.string() })),
    loadBalance: z.looseObject({ enabled: z.boolean() }),
  });

const uploadConfig = named('UploadConfig', () =>
  z.object(Object.fromEntries(pageGroups.map(({ name }) => [name, group()]))),
);

const uploadConfigRequest = named('UploadConfigRequest', () =>
  z.object(Object.fromEntries(pageGroups.map(({ name }) => [name, group().partial().optional()]))),
);

const empty = { channels: [], loadBalance: { enabled: false, channels: [] } };
const example = {
  ...Object.fromEntries(pageGroups.map(({ name }) => [name, empty])),
  telegram: {
    channels: [
      {
        id: 1,
        stowageId: '019a0c3e-7d1c-7c55-8a6f-0a1b2c3d4e5f',
        name: 'chat',
        type: 'TelegramNew',
        savePath: 'database',
        enabled: true,
        fixed: false,
        botToken: mask,
        chatId: '-1001234567890',
        proxyUrl: '',
        quota: { enabled: false, limitGB: 10, threshold: 95 },
      },
    ],
    loadBalance: { enabled: false, channels: [] },
  },
};

const path = '/api/manage/sysConfig/upload';

async function present({ channelAdmin, runtimeSettings, settings }: HttpDeps) {
  const [channels, { loadBalance }] = await Promise.all([
    channelAdmin.list(),
    runtimeSettings.get('upload'),
  ]);
  const isBalanced = (name: string) => settings.loadBalance || own(loadBalance, name) === true;
  return Object.fromEntries(
    pageGroups.map((of) => [of.name, presentGroup(of, channels, isBalanced(of.name))]),
  );
}

export const getUploadConfig = route({
  id: 'getUploadConfig',
  method: 'GET',
  path,
  permission: 'manage',
  tag: 'Management',
  summary: 'Channels, as the page of the Upload API shows them',
  description: `Secrets that are set are shown as \`${mask}\`. \`/api/manage/channels\` has the channels of all types.`,
  answers: {
    200: {
      description: 'The six groups.',
      content: json(uploadConfig, { one: { value: example } }),
    },
  },
  handler: async ({ reply, deps }) => reply.send(await present(deps)),
});

export const setUploadConfig = route({
  id: 'setUploadConfig',
  method: 'POST',
  path,
  permission: 'manage',
  tag: 'Management',
  summary: 'Change channels, as the page of the Upload API does',
  description:
    'A group that is there replaces its channels, found by `stowageId` or by name: others are made, and those that are absent are removed. Fixed ones stay as they are. A blank or masked secret is kept. Nothing is changed when something is refused.',
  request: {
    body: { required: true, content: json(uploadConfigRequest, { one: { value: example } }) },
  },
  answers: {
    200: {
      description: 'As GET returns them.',
      content: json(uploadConfig, { one: { value: example } }),
    },
  },
  failures: [...jsonFailures, notAChannel, takenName, holdsFiles],
  async handler(context) {
    const { deps, reply } = context;
    const { body } = await readAuthorizedJson(context, 'manage');
    await deps.channelAdmin.apply(planOf(body, await deps.channelAdmin.list()));
    await setBalance(body, deps);
    return reply.send(await present(deps));
  },
});

async function setBalance(
  body: Readonly<Record<string, unknown>>,
  { runtimeSettings }: HttpDeps,
): Promise<void> {
  const given = pageGroups.flatMap(({ name }) => {
    const enabled = recordOf(recordOf(own(body, name))?.loadBalance)?.enabled;
    return typeof enabled === 'boolean' ? [[name, enabled] as const] : [];
  });
  if (given.length > 0) {
    const { loadBalance } = await runtimeSettings.get('upload');
    await runtimeSettings.set('upload', {
      loadBalance: { ...loadBalance, ...Object.fromEntries(given) },
    });
  }
}
