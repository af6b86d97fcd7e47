import { z } from 'zod';
import { effectiveValues } from '../manage/sys-config/page-settings.ts';
import { named } from '../openapi/named.ts';
import { json, route } from '../route.ts';

const userConfig = named('UserConfig', () =>
  z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
);

/** Upload API 4.7: what a page needs before anyone has signed in. */
export const getUserConfig = route({
  id: 'getUserConfig',
  method: 'GET',
  path: '/api/userConfig',
  permission: 'public',
  tag: 'Pages',
  summary: 'Settings of the page',
  answers: {
    200: {
      description: 'Values by name.',
      content: json(userConfig, { one: { value: { siteTitle: 'Our pictures', bkOpacity: 1 } } }),
    },
  },
  failures: ['service_unavailable'],
  async handler({ reply, deps }) {
    const { values, announcementRefreshAt } = await deps.runtimeSettings.get('page');
    return reply.header('cache-control', 'no-cache').send({
      ...effectiveValues(values, deps.settings.urlPrefix),
      announcementRefreshAt,
    });
  },
});
