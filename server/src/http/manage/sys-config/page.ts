import { z } from 'zod';
import { own } from '../../../core/own.ts';
import { pageSettingName } from '../../../core/settings/runtime-settings.ts';
import { jsonFailures } from '../../body/json-body.ts';
import type { HttpDeps } from '../../deps.ts';
import { failed } from '../../failure.ts';
import { named } from '../../openapi/named.ts';
import { json, route } from '../../route.ts';
import { readAuthorizedJson } from '../read-authorized-json.ts';
import {
  effectiveValues,
  type PageSetting,
  type PageValues,
  pageSettings,
} from './page-settings.ts';
import { recordOf } from './upload-groups.ts';

const value = () => z.union([z.string(), z.number(), z.boolean()]);

const pageConfig = named('PageConfig', () =>
  z.strictObject({
    config: z.array(
      z.looseObject({
        id: z.string(),
        label: z.string(),
        type: z.string(),
        value: value(),
        fixed: z.boolean().optional().meta({ description: 'The configuration sets it.' }),
      }),
    ),
    announcementRefreshAt: z.number().nullable(),
  }),
);

const pageConfigRequest = named('PageConfigRequest', () =>
  z.object({
    config: z.array(z.looseObject({ id: z.string(), value: value().nullish() })),
    refreshAnnouncement: z
      .boolean()
      .optional()
      .meta({ description: 'Whether those who closed the announcement see it again.' }),
  }),
);

const notASetting = {
  code: 'validation_error',
  as: 'config',
  message: 'config must be a list of objects with the id and value of a setting.',
  details: { fields: ['config'] },
} as const;

const title = { id: 'siteTitle', value: 'Our pictures' };
const example = {
  config: [{ label: 'Title of the site', category: 'Site', type: 'text', default: '', ...title }],
  announcementRefreshAt: null,
};

const path = '/api/manage/sysConfig/page';

async function present({ runtimeSettings, settings }: HttpDeps) {
  const { values, announcementRefreshAt } = await runtimeSettings.get('page');
  const effective = effectiveValues(values, settings.urlPrefix);
  const unknown = Object.keys(values)
    .filter((id) => pageSettings.every((setting) => setting.id !== id))
    .map((id): PageSetting => ({ id, label: id, category: 'Other', type: 'text', default: '' }));
  return {
    config: [...pageSettings, ...unknown].map((setting) => ({
      ...setting,
      value: own(effective, setting.id),
      fixed: setting.id === 'urlPrefix' && settings.urlPrefix !== undefined ? true : undefined,
    })),
    announcementRefreshAt,
  };
}

export const getPageConfig = route({
  id: 'getPageConfig',
  method: 'GET',
  path,
  permission: 'manage',
  tag: 'Management',
  summary: 'Settings of the page',
  description: 'They change what the page shows, not what the APIs do.',
  answers: {
    200: { description: 'All of them.', content: json(pageConfig, { one: { value: example } }) },
  },
  handler: async ({ reply, deps }) => reply.send(await present(deps)),
});

export const setPageConfig = route({
  id: 'setPageConfig',
  method: 'POST',
  path,
  permission: 'manage',
  tag: 'Management',
  summary: 'Change settings of the page',
  description: 'Settings that are absent stay.',
  request: {
    body: {
      required: true,
      content: json(pageConfigRequest, { one: { value: { config: [title] } } }),
    },
  },
  answers: {
    200: {
      description: 'As GET returns them.',
      content: json(pageConfig, { one: { value: example } }),
    },
  },
  failures: [...jsonFailures, notASetting],
  async handler(context) {
    const { deps, reply } = context;
    const { body } = await readAuthorizedJson(context, 'manage');
    const { values, announcementRefreshAt } = await deps.runtimeSettings.get('page');
    await deps.runtimeSettings.set('page', {
      values: { ...values, ...readValues(body.config) },
      announcementRefreshAt: body.refreshAnnouncement === true ? deps.now() : announcementRefreshAt,
    });
    return reply.send(await present(deps));
  },
});

function readValues(config: unknown): PageValues {
  if (!Array.isArray(config)) {
    throw failed(notASetting);
  }
  const values = config.flatMap((member: unknown) => {
    const { id, value: sent } = recordOf(member) ?? {};
    if (typeof id !== 'string' || !pageSettingName.test(id)) {
      throw failed(notASetting);
    }
    const known = pageSettings.find((setting) => setting.id === id);
    const stored = sent ?? known?.default;
    return stored === undefined ? [] : [[id, stored] as const];
  });
  return Object.fromEntries(values) as PageValues;
}
