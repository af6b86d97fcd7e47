import { describe } from 'vitest';
import { channelConformance } from '../../../test/conformance/channel.ts';
import { type DavServer, davMissing, startDav } from '../../../test/services/webdav.ts';
import { createWebdavChannel } from './index.ts';
import { webdavSettings } from './settings.ts';

for (const server of ['apache', 'rclone', 'nginx', 'lighttpd'] satisfies DavServer[]) {
  describe.skipIf(davMissing(server) !== undefined)(`webdav on ${server} ${davMissing(server) ?? ''}`, () => {
    channelConformance(`webdav, ${server}`, {
      create: async () => {
        const dav = await startDav(server);
        const { url, username, password } = dav;
        const channel = createWebdavChannel(webdavSettings.parse({ baseUrl: `${url}media`, username, password }));
        return { channel, objects: dav.files, destroy: dav.stop };
      },
      secrets: ['canary-dav-password'],
    });
  });
}
