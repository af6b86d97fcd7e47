import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Driver, defineDriver, secret } from './channels/driver.ts';
import { authCodeWarning, loadConfig, publicBindProblem } from './config.ts';

const CANARY = 'canary-7f3a9c-do-not-show';

function driver(type: string, settings: z.ZodType): Driver {
  const create = () => Promise.reject(new Error('never made here'));
  const group = { name: 's3', label: 'S3' };
  return defineDriver({ type, group, settings, create });
}

const drivers = [
  driver('local', z.strictObject({ path: z.string().optional().describe('Folder.') })),
  driver(
    's3',
    z.strictObject({
      bucket: z.string().regex(/./, 'must be 3 letters').describe('Name of the bucket.'),
      secretAccessKey: secret('Secret key.'),
      sessionToken: secret('Session token.').optional(),
    }),
  ),
];

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stowage-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function load(env: Record<string, string>, file?: unknown) {
  if (file !== undefined) {
    write('stowage.config.json', typeof file === 'string' ? file : JSON.stringify(file));
  }
  return loadConfig({ env, cwd: folder, drivers });
}

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

function good(...args: Parameters<typeof load>) {
  const loaded = load(...args);
  if ('problems' in loaded) {
    throw new Error(loaded.problems.join('\n'));
  }
  return loaded.config;
}

function problems(...args: Parameters<typeof load>): readonly string[] {
  const loaded = load(...args);
  return 'problems' in loaded ? loaded.problems : [];
}

describe('loadConfig', () => {
  it('needs nothing: local disk on the loopback address', () => {
    const config = good({});
    expect(config).toMatchObject({
      host: '127.0.0.1',
      port: 8080,
      dataDir: join(folder, 'data'),
      sqliteDurability: 'full',
    });
    expect(config).toMatchObject({
      limits: { maxUploadBytes: 10 * 2 ** 30 },
      rateLimit: { perMinute: 60, perHour: 1000 },
    });
    expect(config.channels).toEqual([
      { type: 'local', name: 'local', enabled: true, weight: 1, settings: {} },
    ]);
    expect(config).not.toHaveProperty('adminToken');
    expect(config.configFile).toBeUndefined();
  });

  it('reads every kind of value from the environment', () => {
    const config = good({
      HOST: '::1',
      PORT: '0',
      STOWAGE_TRUST_PROXY: '10.0.0.0/8, loopback',
      STOWAGE_ALLOW_ANONYMOUS_UPLOADS: 'yes',
      STOWAGE_LIMITS_MAX_UPLOAD_BYTES: '1.5 GiB',
      STOWAGE_MEDIA_MAX_IMAGE_BYTES: '4096',
      STOWAGE_RATE_LIMIT_PER_MINUTE: '0',
      STOWAGE_CORS_ORIGINS: 'https://a.example,https://b.example',
      STOWAGE_PUBLIC_URL: 'https://files.example/',
      STOWAGE_CHANNELS: '[{"type":"local","name":"disk"}]',
      DATABASE_URL: 'postgres://u:p@h/db',
    });
    expect(config).toMatchObject({
      host: '::1',
      port: 0,
      trustProxy: ['10.0.0.0/8', 'loopback'],
      allowAnonymousUploads: true,
      limits: { maxUploadBytes: 1.5 * 2 ** 30 },
      media: { maxImageBytes: 4096 },
      rateLimit: { perMinute: 0, perHour: 1000 },
      cors: { origins: ['https://a.example', 'https://b.example'] },
      publicUrl: 'https://files.example',
      databaseUrl: 'postgres://u:p@h/db',
      channels: [{ name: 'disk' }],
    });
  });

  it.each([
    ['true', true],
    ['false', false],
    ['2', 2],
    ['192.168.1.1', ['192.168.1.1']],
    ['loopback, X-Real-IP', ['loopback', 'x-real-ip']],
    ['X-Forwarded-For,10.0.0.0/8', ['x-forwarded-for', '10.0.0.0/8']],
  ])('trustProxy %s', (text, value) => {
    expect(good({ STOWAGE_TRUST_PROXY: text }).trustProxy).toEqual(value);
  });

  it('lets the environment win over the file, and takes an empty variable for none', () => {
    const file = {
      port: 1000,
      dataDir: '/srv/stowage',
      media: { maxImageBytes: '1MiB', showUrls: false },
    };
    const config = good(
      { PORT: '2000', STOWAGE_DATA_DIR: '', STOWAGE_MEDIA_MAX_IMAGE_BYTES: '2MiB' },
      file,
    );
    expect(config).toMatchObject({
      port: 2000,
      dataDir: '/srv/stowage',
      media: { maxImageBytes: 2 ** 21, showUrls: false },
    });
    expect(config.configFile).toBe(join(folder, 'stowage.config.json'));
  });

  it('takes STOWAGE_PORT for PORT, unless a container platform put an address there', () => {
    expect(good({ STOWAGE_PORT: '9000', PORT: '8000', STOWAGE_CLIENT_URL: 'x' }).port).toBe(9000);
    expect(
      good({
        STOWAGE_PORT: 'tcp://10.0.0.1:80',
        STOWAGE_SERVICE_HOST: '10.0.0.1',
        STOWAGE_PORT_80_TCP_ADDR: '10.0.0.1',
      }).port,
    ).toBe(8080);
  });

  it('prints all problems at once, by the names their owner knows', () => {
    const found = problems(
      {
        PORT: '70000',
        STOWAGE_SECRET_KEY: 'short',
        STOWAGE_MEDIA_REQUIRE_SIZE: 'perhaps',
        STOWAGE_PROT: '1',
        STOWAGE_TRUST_PROXY: '10.0.0.0/99',
      },
      {
        dataDri: 'x',
        limits: { maxUploadBytes: '10 Gigs' },
        media: 5,
        channels: [{ type: 's4' }, { type: 's3', bucket: '', secretAccesKey: 'x' }],
      },
    );
    expect(found).toEqual([
      '"dataDri" in stowage.config.json is not a setting of Stowage. Did you mean "dataDir"?',
      '"media" in stowage.config.json must be an object.',
      'STOWAGE_PROT is not a setting of Stowage. Did you mean "STOWAGE_PORT"?',
      'PORT must be a whole number from 0 to 65535.',
      'STOWAGE_TRUST_PROXY must be true, false, a number of proxies, or addresses and networks such as 10.0.0.0/8, loopback or uniquelocal, with or without the name of the header to read (X-Forwarded-For or X-Real-IP).',
      'STOWAGE_SECRET_KEY must be at least 32 printable characters.',
      '"limits.maxUploadBytes" in stowage.config.json must be a size: bytes, or a number with a unit such as 10GiB or 500MB.',
      'STOWAGE_MEDIA_REQUIRE_SIZE must be true or false.',
      'channels[0] (s4) in stowage.config.json: type must be one of local, s3. Did you mean "s3"?',
      'channels[1] (s3) in stowage.config.json: bucket must be 3 letters. Meaning: Name of the bucket.',
      'channels[1] (s3) in stowage.config.json: secretAccessKey is required: Secret key.',
      'channels[1] (s3) in stowage.config.json: secretAccesKey is not a setting. Did you mean "secretAccessKey"?',
    ]);
  });

  it.each([
    '{"__proto__": {"port": 1}}',
    '{"media": {"__proto__": {}}}',
    '{"constructor": 1}',
    '{"channels": [{"type": "local", "__proto__": {"path": "x"}}]}',
  ])('refuses %s', (text) => {
    expect(problems({}, text)).toHaveLength(1);
    expect({}).not.toHaveProperty('port');
  });

  it.each([
    ['{', 'is not valid JSON: see line 1, column 2 (it ends too early).'],
    ['[]', 'must hold one JSON object.'],
    [
      '{\n  "port": 1,\n  "adminToken": "canary-7f3a9c",\n}',
      'line 4, column 1 (the comma before it is one too many).',
    ],
    ['', 'line 1, column 1 (it ends too early).'],
  ])('refuses a file that holds %j', (text, sentence) => {
    expect(problems({}, text)).toEqual([expect.stringContaining(sentence)]);
    expect(problems({}, text).join()).not.toContain('canary');
  });

  it('takes relative paths of the environment from where it starts, those of the file from its folder', () => {
    mkdirSync(join(folder, 'etc'));
    write('etc/other.json', '{"dataDir": "library", "adminTokenFile": "token.txt"}');
    write('etc/token.txt', 'a-token-of-20-characters');
    const config = good({ STOWAGE_CONFIG: 'etc/other.json' });
    expect(config).toMatchObject({
      dataDir: join(folder, 'etc/library'),
      adminToken: 'a-token-of-20-characters',
    });
    expect(good({ STOWAGE_CONFIG: 'etc/other.json', STOWAGE_DATA_DIR: 'here' }).dataDir).toBe(
      join(folder, 'here'),
    );
    write('etc/other.json', '{}');
    expect(good({ STOWAGE_CONFIG: 'etc/other.json' }).dataDir).toBe(join(folder, 'data'));
  });

  it('says in the environment, too, which channel is wrong', () =>
    expect(
      problems({ STOWAGE_CHANNELS: '[{"type": "local"}, {"type": "s3", "bucket": "abc"}]' }),
    ).toEqual(['STOWAGE_CHANNELS[1] (s3): secretAccessKey is required: Secret key.']));

  it('says where the channels of the environment are no JSON', () =>
    expect(problems({ STOWAGE_CHANNELS: '[{"type": "local"},]' })).toEqual([
      'STOWAGE_CHANNELS is not valid JSON: see line 1, column 20 (the comma before it is one too many).',
    ]));

  it('wants the file that STOWAGE_CONFIG names', () => {
    expect(problems({ STOWAGE_CONFIG: 'other.json' })).toEqual([
      expect.stringContaining('cannot be read (ENOENT)'),
    ]);
    write('other.json', '{"port": 4000}');
    expect(good({ STOWAGE_CONFIG: 'other.json' }).port).toBe(4000);
  });
});

describe('secrets', () => {
  it('come from files, of the environment, the file and its channels', () => {
    write('token', `${CANARY}\n`);
    expect(good({ STOWAGE_ADMIN_TOKEN_FILE: 'token' }).adminToken).toBe(CANARY);
    expect(good({}, { adminTokenFile: 'token' }).adminToken).toBe(CANARY);
    const channels = [{ type: 's3', bucket: 'b', secretAccessKeyFile: 'token' }];
    expect(good({}, { channels }).channels[0]?.settings).toEqual({
      bucket: 'b',
      secretAccessKey: CANARY,
    });
  });

  it('are refused when given twice, missing or empty', () => {
    write('empty', '\n');
    const env = {
      STOWAGE_ADMIN_TOKEN: CANARY,
      STOWAGE_ADMIN_TOKEN_FILE: 'empty',
      STOWAGE_AUTH_CODE_FILE: 'nowhere',
    };
    expect(problems(env, { secretKey: CANARY + CANARY, secretKeyFile: 'empty' })).toEqual([
      '"secretKey" in stowage.config.json and "secretKeyFile" are both set: keep one of them.',
      'STOWAGE_ADMIN_TOKEN_FILE names an empty file.',
      'STOWAGE_ADMIN_TOKEN and STOWAGE_ADMIN_TOKEN_FILE are both set: keep one of them.',
      'STOWAGE_AUTH_CODE_FILE names a file that cannot be read (ENOENT).',
    ]);
  });

  it('never show in problems', () => {
    const channels = [
      {
        type: 's3',
        bucket: 1,
        secretAccessKey: { deep: CANARY },
        sessionToken: [CANARY],
        secretAccessKeyFile: CANARY,
      },
      { type: 's3', unknown: CANARY },
    ];
    const env = {
      STOWAGE_ADMIN_TOKEN: `a ${CANARY}`,
      DATABASE_URL: `mysql://${CANARY}`,
      REDIS_URL: CANARY,
      STOWAGE_X: CANARY,
    };
    const found = [
      ...problems(env, { authCode: { x: CANARY }, x: CANARY, channels }),
      ...problems({}, `{"adminToken": "${CANARY}" "x"}`),
    ];
    expect(found.length).toBeGreaterThan(8);
    expect(found.join('\n')).not.toContain(CANARY);
    expect(
      problems({ STOWAGE_CHANNELS: `[{"type":"s3","secretAccessKey":"${CANARY}",}]` }).join(),
    ).not.toContain(CANARY);
  });
});

describe('channels', () => {
  const s3 = { type: 's3', bucket: 'b', secretAccessKey: 'k' };

  it('carry the settings that all have', () => {
    const channel = {
      ...s3,
      name: 'main',
      id: 'c1',
      enabled: false,
      weight: 3,
      quota: { limitGB: 10 },
      maxOperations: 4,
      pace: { perSecond: 2 },
    };
    const { channels } = good({}, { channels: [channel, { type: 'local' }] });
    expect(channels[0]).toEqual({
      type: 's3',
      name: 'main',
      id: 'c1',
      enabled: false,
      weight: 3,
      quota: { limitGB: 10, threshold: 95 },
      maxOperations: 4,
      pace: { perSecond: 2 },
      settings: { bucket: 'b', secretAccessKey: 'k' },
    });
  });

  it.each([
    ['two of one name', [s3, s3], 'the name "s3" of type "s3" is used 2 times'],
    [
      'two of one id',
      [
        { ...s3, id: 'x' },
        { type: 'local', id: 'x' },
      ],
      'the id "x" is used 2 times',
    ],
    ['none', [], 'is empty'],
    ['only disabled ones', [{ ...s3, enabled: false }], 'every channel is disabled'],
    [
      'a bad common setting',
      [{ ...s3, weight: 'heavy' }],
      'channels[0] (s3) in stowage.config.json: weight is not valid (expected number, received string)',
    ],
    [
      'no type',
      [{ name: 'x' }],
      'channels[0] in stowage.config.json: type is required: one of local, s3.',
    ],
  ])('refuses %s', (_, channels, sentence) => {
    expect(problems({}, { channels })).toEqual([expect.stringContaining(sentence)]);
  });

  it('are what the routing may name', () => {
    const channels = [{ ...s3, name: 'main' }, { type: 'local' }];
    const routing = { defaultChannel: 's3', imageChannel: 'main', fallbackOrder: ['local', 's3'] };
    expect(good({}, { channels, routing }).routing).toMatchObject(routing);
    expect(problems({ STOWAGE_ROUTING_DEFAULT_CHANNEL: 'mian' }, { channels })).toEqual([
      'STOWAGE_ROUTING_DEFAULT_CHANNEL names "mian", but there is no enabled channel of that name or group. Did you mean "main"?',
    ]);
  });
});

describe('publicBindProblem', () => {
  it.each(['127.0.0.1', '127.9.9.9', 'localhost', '::1'])(
    'lets %s start without credentials',
    (HOST) => {
      expect(publicBindProblem(good({ HOST }), false)).toBeUndefined();
    },
  );

  it.each(['0.0.0.0', '::', '192.168.1.2', 'example.org', '::ffff:10.0.0.1'])(
    'refuses %s without credentials',
    (HOST) => {
      expect(publicBindProblem(good({ HOST }), false)).toContain('STOWAGE_ADMIN_TOKEN');
      expect(publicBindProblem(good({ HOST }), true)).toBeUndefined();
      expect(publicBindProblem(good({ HOST, STOWAGE_ADMIN_TOKEN: CANARY }), false)).toBeUndefined();
      expect(publicBindProblem(good({ HOST, STOWAGE_AUTH_CODE: CANARY }), false)).toBeUndefined();
    },
  );

  it('refuses a public address with a code that can be guessed, whatever other credentials there are', () => {
    const short = (HOST: string, code: string) =>
      good({ HOST, STOWAGE_AUTH_CODE: code, STOWAGE_ADMIN_TOKEN: CANARY });
    expect(publicBindProblem(short('0.0.0.0', '1'), true)).toMatch(
      /STOWAGE_AUTH_CODE.*12 characters/,
    );
    expect(publicBindProblem(short('::', 'x'.repeat(11)), true)).toMatch(/STOWAGE_AUTH_CODE/);
    expect(publicBindProblem(short('::', 'x'.repeat(12)), true)).toBeUndefined();
    expect(publicBindProblem(short('127.0.0.1', '1'), true)).toBeUndefined();
    expect(authCodeWarning(short('127.0.0.1', '1'))).toMatch(/12 characters/);
    expect(authCodeWarning(short('127.0.0.1', 'x'.repeat(12)))).toBeUndefined();
  });
});

describe('adminToken', () => {
  it('has at least 20 characters', () => {
    expect(good({ STOWAGE_ADMIN_TOKEN: 'x'.repeat(20) }).adminToken).toHaveLength(20);
    expect(problems({ STOWAGE_ADMIN_TOKEN: 'x'.repeat(19) })).toEqual([
      expect.stringMatching(/^STOWAGE_ADMIN_TOKEN must be at least 20 printable characters/),
    ]);
  });
});
