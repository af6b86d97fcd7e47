import { z } from 'zod';
import { named } from '../openapi/named.ts';
import { json, route } from '../route.ts';

const wallpaperAnswer = named('WallpaperAnswer', () =>
  z.strictObject({
    data: z.array(z.strictObject({ url: z.string() })).meta({ description: 'Always empty.' }),
  }),
);

/** Upload API 4.7: no request leaves for a company that the owner did not choose. */
export const getWallpaper = route({
  id: 'getWallpaper',
  method: 'GET',
  path: '/api/bing/wallpaper',
  permission: 'public',
  tag: 'Pages',
  summary: 'Pictures for the background (none)',
  description: 'For pages that expect the address to exist.',
  answers: {
    200: {
      description: 'No pictures.',
      content: json(wallpaperAnswer, { none: { value: { data: [] } } }),
    },
  },
  handler: ({ reply }) => reply.header('cache-control', 'public, max-age=3600').send({ data: [] }),
});
