import { it } from 'vitest';
import { channelConformance } from '../../../test/conformance/channel.ts';
import { createWebdavChannel } from './index.ts';
import { secretsOf, webdavSettings } from './settings.ts';

const { STOWAGE_LIVE_WEBDAV } = process.env;

if (STOWAGE_LIVE_WEBDAV) {
  const settings = webdavSettings.parse(JSON.parse(STOWAGE_LIVE_WEBDAV));
  channelConformance('webdav, live', {
    create: async () => ({ channel: createWebdavChannel(settings) }),
    slow: true,
    secrets: secretsOf(settings).filter((secret) => (secret?.length ?? 0) >= 8) as string[],
  });
} else {
  it.skip('live: set STOWAGE_LIVE_WEBDAV to the settings of a channel as JSON');
}
