import { z } from 'zod';
import { optional, setting } from './setting.ts';
import {
  choice,
  flag,
  httpUrl,
  list,
  network,
  objects,
  size,
  sizeOrZero,
  text,
  trustProxy,
  whole,
} from './setting-types.ts';

const mebibyte = 2 ** 20;
const gibibyte = 2 ** 30;
const daySeconds = 86_400;

const host = text(/^\S+$/, 'a text without spaces', 'host');
const origin = text(/^\S+$/, 'an origin such as https://blog.example, or *', 'origin');
const folder = text(/\S/, 'a folder such as holidays/sea, or / for all', 'folder');
const channelName = text(
  /\S/,
  'the name of a channel, or a group such as telegram, s3 or cfr2',
  'channel',
);
const adminToken = text(
  /^[\x21-\x7e]{20,}$/,
  'at least 20 printable characters without spaces, such as `openssl rand -hex 24` prints',
  'text of 20 or more characters',
);

/** Every setting of Stowage but the settings of channel types, which their drivers bring. */
export const schema = z.strictObject({
  host: setting(host, {
    default: '127.0.0.1',
    env: 'HOST',
    description: 'Address to listen on. A public one needs credentials first.',
  }),
  port: setting(whole(0, 65_535), {
    default: 8080,
    env: 'PORT',
    description: 'Port to listen on; 0 takes a free one.',
  }),
  dataDir: setting(text(/\S/, 'the path of a folder', 'folder'), {
    default: './data',
    description:
      'Folder of the embedded database, local files, keys and temporary files. On a local disk.',
  }),
  publicUrl: optional(httpUrl(), {
    description:
      'Public address of this server, used in absolute links. If unset, it is taken from each request, which is wrong behind most proxies.',
  }),
  urlPrefix: optional(httpUrl(), {
    description:
      'When set, responses of the Upload API carry `publicUrl`: this prefix, a slash and the path of the file.',
  }),
  trustProxy: setting(trustProxy(), {
    default: false as boolean | number | readonly string[],
    description:
      'Which reverse proxies are trusted to set `X-Forwarded-*`: `false` (none), `true` (all), a number of hops, or a list of addresses and networks, which may be `loopback` or `uniquelocal`. With a number or a list, callers cannot make up ' +
      'an address. `true` believes every hop and is only for proxies that overwrite these headers. When a proxy sends X-Forwarded-For and X-Real-IP that name two callers, ' +
      'neither counts, unless the list names the header to read.',
  }),
  keepAliveSeconds: setting(whole(1, daySeconds), {
    default: 150,
    description:
      'Seconds that an idle connection is kept. Longer than the reverse proxy in front keeps it (Caddy 120, cloudflared and Traefik 90, nginx 60), ' +
      'otherwise a request that the proxy sends just then fails.',
  }),

  maxConnectionsPerAddress: setting(whole(0, 1_000_000), {
    default: 0,
    description:
      'How many connections one address may have at a time, or one /64 of IPv6; further ones are closed. 0 for any number, which is right behind a proxy that is not ' +
      'named in `trustProxy`: all its callers come from one address. Without a proxy, 256 is a good start. Proxies that `trustProxy` names are not counted.',
  }),

  adminToken: optional(adminToken, {
    secret: true,
    description:
      'A token with every permission, for automation. Otherwise one is made at the first start and shown once.',
  }),
  admin: z.strictObject({
    name: setting(text(/^[^\p{C}]{1,100}$/u, 'a name of at most 100 characters', 'name'), {
      default: 'admin',
      description: 'Name of the administrator whose password is `admin.password`.',
    }),
    password: optional(
      text(/^.{8,1024}$/su, 'a text of at least 8 characters', 'text of 8 or more characters'),
      {
        secret: true,
        description:
          'Password of the administrator, set again at every start. Otherwise it is set by the link that a start without one prints, or by `stowage admin set-password`. A change ends the sessions of the administrator.',
      },
    ),
    sessionDays: setting(whole(1, 3650), {
      default: 14,
      description: 'Days after which people have to sign in again.',
    }),
    resetKey: optional(
      text(
        /^[\x21-\x7e]{20,}$/,
        'at least 20 printable characters without spaces',
        'text of 20 or more characters',
      ),
      {
        secret: true,
        env: 'RESET_KEY',
        description:
          'Allows `GET /api/auth/resetAuth?key=`, which ends all sessions and forgets a password that is not in the configuration.',
      },
    ),
  }),
  authCode: optional(text(/^[\x20-\x7e]+$/, 'printable characters'), {
    secret: true,
    description:
      'Upload code of the Upload API (`authCode`), of at least 12 characters when HOST is public. Without one only tokens may upload.',
  }),
  allowAnonymousUploads: setting(flag(), {
    default: false,
    description: 'Allows uploads through the Upload API without credentials.',
  }),
  secretKey: optional(
    text(/^[\x20-\x7e]{32,}$/, 'at least 32 printable characters', 'text of 32 or more characters'),
    {
      secret: true,
      description:
        'Signs upload URLs. Without it, a key file is made in the data folder. Required with PostgreSQL: the same key on every node. Secrets of channels in the database are encrypted with it; `stowage rotate-key` changes it.',
    },
  ),

  databaseUrl: optional(
    text(
      /^postgres(ql)?:\/\/\S+$/,
      'an address like postgres://user:password@host:5432/name',
      'URL',
    ),
    {
      secret: true,
      env: 'DATABASE_URL',
      description:
        'PostgreSQL (14 or newer) for the metadata. Otherwise SQLite in the data folder.',
    },
  ),
  databasePoolSize: setting(whole(1, 1000), {
    default: 10,
    description:
      'Maximum number of connections from one node to PostgreSQL; up to 5 more are for limits and probes.',
  }),
  databaseWaitSeconds: setting(whole(0, 3600), {
    default: 60,
    description:
      'Seconds that a start waits for PostgreSQL to respond. Until then nothing listens.',
  }),
  sqliteDurability: setting(choice('full', 'normal'), {
    default: 'full',
    description:
      '`full`: a confirmed upload survives a power cut. `normal`: it survives only a crash of the program; a little faster.',
  }),
  redisUrl: optional(text(/^(rediss?|unix):\/\/\S+$/, 'an address like redis://host:6379', 'URL'), {
    secret: true,
    env: 'REDIS_URL',
    description:
      'Not used yet. Limits that several nodes share are kept in PostgreSQL when it is configured, otherwise in memory.',
  }),

  limits: z.strictObject({
    maxUploadBytes: setting(size(), {
      default: 10 * gibibyte,
      description: 'Largest file of the Upload API.',
    }),
  }),

  media: z.strictObject({
    maxImageBytes: setting(size(), {
      default: 20 * mebibyte,
      description: 'Largest image of the Media API.',
    }),
    maxVideoBytes: setting(size(), {
      default: 500 * mebibyte,
      description: 'Largest video of the Media API.',
    }),
    maxDocumentBytes: setting(size(), {
      default: 20 * mebibyte,
      description: 'Largest document of the Media API.',
    }),
    urlTtlSeconds: setting(whole(1, 7 * daySeconds), {
      default: 3600,
      description: 'How long an upload URL is valid, in seconds.',
    }),
    requireSize: setting(flag(), {
      default: true,
      description: 'Whether `size` must be sent when asking for an upload URL.',
    }),
    strictSize: setting(flag(), {
      default: false,
      description: 'Whether a file of another size than declared is refused.',
    }),
    showUrls: setting(flag(), {
      default: true,
      description: 'Whether media objects carry the address of their file.',
    }),
    maxOpenUploads: setting(whole(1), {
      default: 1000,
      description:
        'Maximum number of unfinished uploads of one token, over both APIs. All callers with the upload code together have ten times as many, but no more than this from one network (IPv4 address, IPv6 /48).',
    }),
  }),

  rateLimit: z.strictObject({
    perMinute: setting(whole(0), {
      default: 60,
      description: 'Media API requests of one token in a minute; 0 for no limit.',
    }),
    perHour: setting(whole(0), {
      default: 1000,
      description: 'Media API requests of one token in an hour; 0 for no limit.',
    }),
  }),

  uploads: z.strictObject({
    chunkedTtlHours: setting(whole(1, 24 * 365), {
      default: 24,
      description: 'Hours without a new chunk after which a chunked upload is dropped.',
    }),
    keptChunkBytes: setting(sizeOrZero(), {
      default: 2048 * mebibyte,
      description:
        'Disk space for chunks that their channel did not take. A merge stores them again before it reports them as missing. 0 keeps none.',
    }),
    smallObjectBytes: setting(whole(0, mebibyte), {
      default: 0,
      description:
        'Largest upload in bytes that a local channel on the disk of the data folder keeps as a row of the SQLite database, not as a file of its own: many arrive with one write to the disk. 131072 is a good size. 0 keeps all as files, as PostgreSQL does.',
    }),
    maxChunks: setting(whole(1, 1_000_000), {
      default: 10_000,
      description: 'Maximum number of chunks of one upload.',
    }),
    idleTimeoutSeconds: setting(whole(1, daySeconds), {
      default: 120,
      description:
        'Seconds without a byte of an upload, or without a byte taken by a reader, after which a connection is closed. There is no minimum speed.',
    }),
  }),

  reads: z.strictObject({
    memoryBytes: setting(sizeOrZero(), {
      default: 16 * mebibyte,
      description:
        'Memory for small files, of up to 64 KiB, that were read before, so that they are sent again without a look at the disk; 0 keeps none.',
    }),
    sendfile: setting(choice('off', 'x-accel-redirect', 'x-sendfile'), {
      default: 'off',
      description:
        'Lets the reverse proxy on this machine, which `trustProxy` has to name, send larger files of local channels by itself: `x-accel-redirect` for nginx (docs/operations.md), `x-sendfile` for Apache and lighttpd.',
    }),
  }),

  scrub: z.strictObject({
    bytesPerSecond: setting(sizeOrZero(), {
      default: 4 * mebibyte,
      description:
        'How fast stored files are read in the background to compare them with their hashes; 0 turns it off.',
    }),
    everyDays: setting(whole(1, 3650), {
      default: 30,
      description: 'Days from the start of one such round to the next.',
    }),
    remote: setting(flag(), {
      default: false,
      description: 'Whether remote channels are read as well, which costs their traffic.',
    }),
  }),

  routing: z.strictObject({
    defaultChannel: optional(channelName, {
      description:
        'Channel of uploads that name none. Otherwise Telegram when there is one, otherwise the first enabled channel.',
    }),
    fallbackOrder: optional(list(channelName, 'names or groups of channels'), {
      description:
        'Channels to try, in this order, when the chosen one fails: one of each group, then the remaining ones. Default: all others, in the order of the Upload API.',
    }),
    loadBalance: setting(flag(), {
      default: false,
      description:
        'Spreads uploads over the channels of a type by their `weight`, instead of taking the first.',
    }),
    imageChannel: optional(channelName, {
      description: 'Channel of Media API images. Default: the default channel.',
    }),
    videoChannel: optional(channelName, {
      description: 'Channel of Media API videos. Default: the default channel.',
    }),
    documentChannel: optional(channelName, {
      description: 'Channel of Media API documents. Default: the default channel.',
    }),
  }),

  fetch: z.strictObject({
    maxImageBytes: setting(size(), {
      default: 25 * mebibyte,
      description: 'Largest image imported from a URL.',
    }),
    maxVideoBytes: setting(size(), {
      default: 500 * mebibyte,
      description: 'Largest video imported from a URL.',
    }),
    allowHttp: setting(flag(), {
      default: true,
      description: 'Whether plain `http://` addresses are fetched.',
    }),
    allowedPrivateHosts: setting(list(host, 'host names or addresses'), {
      default: [],
      description: 'Hosts that may be fetched although they are not on the public internet.',
    }),
    blockedNetworks: setting(list(network(), 'addresses or networks such as 198.51.100.0/24'), {
      default: [],
      description:
        'Further networks that are never fetched from, not even for `allowedPrivateHosts`: for instance public addresses of your own, or your NAT64 prefix.',
    }),
  }),

  publicBrowse: z.strictObject({
    enabled: setting(flag(), {
      default: false,
      description: 'Whether everyone may list the files of some folders.',
    }),
    folders: setting(list(folder, 'folders, / for all'), {
      default: [],
      description: 'Folders that everyone may list, with all below them.',
    }),
  }),

  randomImage: z.strictObject({
    enabled: setting(flag(), {
      default: false,
      description: 'Whether `/random` gives everyone a file by chance.',
    }),
    folders: setting(list(folder, 'folders, / for all'), {
      default: ['/'],
      description: 'Folders that it may take a file from, with all below them.',
    }),
  }),

  cors: z.strictObject({
    origins: setting(list(origin, 'origins such as https://blog.example, or *'), {
      default: ['*'],
      description:
        'Origins whose pages may call the APIs from a browser. Credentials in cookies never cross origins.',
    }),
  }),

  log: z.strictObject({
    level: setting(choice('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'), {
      default: 'info',
      description: 'Minimum level to log.',
    }),
    format: setting(choice('json', 'text'), {
      default: 'json',
      description: 'One JSON object or one readable line per entry.',
    }),
  }),

  metrics: z.strictObject({
    public: setting(flag(), {
      default: false,
      description:
        'Whether `/metrics` is public. Otherwise only this machine and tokens with the permission `manage` can read it.',
    }),
  }),

  shutdownGraceSeconds: setting(whole(0, 3600), {
    default: 30,
    description: 'How long running requests may take to finish after SIGTERM.',
  }),

  shutdownDelaySeconds: setting(whole(0, 600), {
    default: 0,
    description:
      'How long, after SIGTERM, everything is served while `/readyz` already returns 503: behind a balancer, as long as it takes to notice.',
  }),

  channels: optional(objects('a list of channels, each an object with a type'), {
    secret: true,
    description:
      'Where files are stored, see below. Without it: one channel of type `local` in the data folder.',
  }),
});

export type Settings = z.output<typeof schema>;
