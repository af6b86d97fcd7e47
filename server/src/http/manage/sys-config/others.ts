import { z } from 'zod';
import { jsonFailures } from '../../body/json-body.ts';
import type { HttpDeps } from '../../deps.ts';
import { failed } from '../../failure.ts';
import { named } from '../../openapi/named.ts';
import { json, route } from '../../route.ts';
import { readAuthorizedJson } from '../read-authorized-json.ts';
import { refuseUnavailable, type Unavailable, unavailable, valueAt } from './unavailable.ts';

const openTo = () =>
  z.strictObject({
    enabled: z.boolean(),
    allowedDir: z.string().max(1000).meta({ description: 'Folders, separated by commas.' }),
  });

const othersConfig = named('OthersConfig', () =>
  z.looseObject({
    telemetry: z.strictObject({ enabled: z.literal(false) }),
    randomImageAPI: openTo(),
    publicBrowse: openTo(),
  }),
);

const othersConfigRequest = named('OthersConfigRequest', () =>
  z.looseObject({
    randomImageAPI: openTo().partial().optional(),
    publicBrowse: openTo().partial().optional(),
  }),
);

/** Shown as off, whatever is sent. */
const off = {
  telemetry: { enabled: false },
  cloudflareApiToken: { CF_ZONE_ID: '', CF_EMAIL: '', CF_API_KEY: '' },
  webDAV: { enabled: false, username: '', password: '', uploadChannel: '', channelName: '' },
} as const;

const missing: readonly Unavailable[] = [
  { path: ['cloudflareApiToken', 'CF_API_KEY'], what: 'purging the cache of Cloudflare' },
  { path: ['webDAV', 'enabled'], what: 'WebDAV' },
];

const notOthers = {
  code: 'validation_error',
  as: 'others',
  message: 'publicBrowse needs enabled (true or false) and allowedDir (a text).',
  details: { fields: ['publicBrowse'] },
} as const;

const example = {
  ...off,
  randomImageAPI: { enabled: true, allowedDir: 'img' },
  publicBrowse: { enabled: false, allowedDir: '' },
};

const path = '/api/manage/sysConfig/others';

async function present({ runtimeSettings }: HttpDeps) {
  return { ...off, ...(await runtimeSettings.get('others')) };
}

export const getOthersConfig = route({
  id: 'getOthersConfig',
  method: 'GET',
  path,
  permission: 'manage',
  tag: 'Management',
  summary: 'What is open to the public',
  description: 'There is no telemetry.',
  answers: {
    200: { description: 'All of them.', content: json(othersConfig, { one: { value: example } }) },
  },
  handler: async ({ reply, deps }) => reply.send(await present(deps)),
});

export const setOthersConfig = route({
  id: 'setOthersConfig',
  method: 'POST',
  path,
  permission: 'manage',
  tag: 'Management',
  summary: 'Change what is open to the public',
  description: 'What is absent stays. What this server does not have is refused by name.',
  request: {
    body: {
      required: true,
      content: json(othersConfigRequest, {
        random: { value: { randomImageAPI: { enabled: true, allowedDir: 'img' } } },
      }),
    },
  },
  answers: {
    200: {
      description: 'As GET returns them.',
      content: json(othersConfig, { one: { value: example } }),
    },
  },
  failures: [...jsonFailures, notOthers, ...missing.map(unavailable)],
  async handler(context) {
    const { deps, reply } = context;
    const { body } = await readAuthorizedJson(context, 'manage');
    refuseUnavailable(body, missing);
    const before = await deps.runtimeSettings.get('others');
    await deps.runtimeSettings.set('others', {
      randomImageAPI: readOpenTo(body, 'randomImageAPI', before.randomImageAPI),
      publicBrowse: readOpenTo(body, 'publicBrowse', before.publicBrowse),
    });
    return reply.send(await present(deps));
  },
});

type OpenTo = z.output<ReturnType<typeof openTo>>;

function readOpenTo(body: object, name: string, before: OpenTo): OpenTo {
  const sent = valueAt(body, [name]);
  if (sent === undefined) {
    return before;
  }
  const enabled = valueAt(sent, ['enabled']) ?? before.enabled;
  const allowedDir = valueAt(sent, ['allowedDir']) ?? before.allowedDir;
  const read = openTo().safeParse({ enabled, allowedDir });
  if (!read.success) {
    throw failed(notOthers, {
      message: `${name} needs enabled (true or false) and allowedDir (a text).`,
      details: { fields: [name] },
    });
  }
  return read.data;
}
