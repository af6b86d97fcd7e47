import { describe } from 'vitest';
import { channelConformance } from '../../../test/conformance/channel.ts';
import {
  type DavOptions,
  type DavServer,
  davMissing,
  startDav,
} from '../../../test/services/webdav.ts';
import { createWebdavChannel } from './index.ts';
import { webdavSettings } from './settings.ts';

const dialects: readonly (readonly [name: string, server: DavServer, options?: DavOptions])[] = [
  ['apache', 'apache'],
  ['apache without MOVE', 'apache', { move: 'refuse' }],
  ['apache that redirects reads', 'apache', { reads: 'redirect' }],
  ['rclone', 'rclone'],
  ['nginx', 'nginx'],
  ['lighttpd', 'lighttpd'],
];

for (const [name, server, options] of dialects) {
  describe.skipIf(davMissing(server) !== undefined)(
    `webdav on ${name} ${davMissing(server) ?? ''}`,
    () => {
      channelConformance(`webdav, ${name}`, {
        create: async () => {
          const dav = await startDav(server, options);
          const { url, username, password } = dav;
          const channel = createWebdavChannel(
            webdavSettings.parse({
              baseUrl: `${url}media`,
              username,
              password,
              headers: { 'X-Extra': 'canary-header' },
            }),
          );
          return { channel, objects: dav.files, destroy: dav.stop };
        },
        secrets: ['canary-dav-password', 'canary-header', 'canary-signature'],
      });
    },
  );
}
