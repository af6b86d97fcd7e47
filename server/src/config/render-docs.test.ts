import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { drivers } from '../channels/index.ts';
import { loadConfig } from '../config.ts';
import { renderConfiguration } from './render-docs.ts';
import { schema } from './schema.ts';
import { settingsOf } from './setting.ts';

const page = renderConfiguration(drivers);

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stowage-page-'));
  mkdirSync(join(folder, 'secrets'));
  writeFileSync(join(folder, 'secrets/admin-token'), 'an-admin-token-of-a-reader\n');
  writeFileSync(join(folder, 'secrets/r2'), 'a-key\n');
});
afterEach(() => rmSync(folder, { recursive: true }));

it('begins with an example that loads and does what is said of it', () => {
  writeFileSync(join(folder, 'stowage.config.json'), /```json\n(.*?)```/s.exec(page)?.[1] ?? '');
  expect(loadConfig({ env: {}, cwd: folder, drivers })).toMatchObject({
    config: {
      publicUrl: 'https://files.example',
      trustProxy: ['loopback'],
      adminToken: 'an-admin-token-of-a-reader',
      limits: { maxUploadBytes: 2 * 2 ** 30 },
      rateLimit: { perMinute: 600 },
      channels: [
        { name: 'main', settings: { secretAccessKey: 'a-key' } },
        { name: 'local', quota: { limitGB: 100 } },
      ],
    },
  });
});

it('gives environment variables that load as well', () => {
  const [line = ''] = /^As environment variables: .*$/m.exec(page) ?? [];
  const pairs = [...line.matchAll(/`(\w+)=(.*?)`/g)].map(([, name = '', value = '']) => [
    name,
    value.replace(/^'|'$/g, ''),
  ]);
  const env = {
    ...Object.fromEntries(pairs),
    STOWAGE_ADMIN_TOKEN_FILE: join(folder, 'secrets/admin-token'),
  };
  expect(pairs).toHaveLength(4);
  expect(loadConfig({ env, cwd: folder, drivers })).toMatchObject({
    config: { channels: [{ type: 'local', name: 'local' }] },
  });
});

it('has each setting once, with a type, and each type of channel but the one for tests', () => {
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  for (const { key, names } of settingsOf(schema).filter((setting) => setting.key !== 'channels')) {
    const own = rows.filter((row) => row.startsWith(`| \`${key}\` | \`${names[0]}\``));
    expect(own, key).toHaveLength(1);
    expect(own[0]?.split(' | ')[2], key).toMatch(/^\S/);
  }
  for (const { type } of drivers) {
    expect(page.includes(`\`${type}\``), type).toBe(type !== 'memory');
  }
});

it('has the settings that S3 types share only once', () =>
  expect(page.split('\n').filter((line) => line.startsWith('| `secretAccessKey` |'))).toHaveLength(
    1,
  ));

it('promises a meaning of 0 only where 0 is taken', () => {
  const settings = settingsOf(schema).filter(({ description }) =>
    /\b0 (?:for|keeps|means|takes|turns)\b/.test(description),
  );
  expect(settings.length).toBeGreaterThan(4);
  for (const { names, key } of settings) {
    expect(
      loadConfig({ env: { [names[0] ?? '']: '0' }, cwd: folder, drivers }),
      key,
    ).toHaveProperty('config');
  }
});
