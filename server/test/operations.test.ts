import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { curl, freePort, type Stowage, startStowage } from './acceptance/harness.ts';
import { openDocument } from './documents.ts';
import { type Front, type FrontFiles, startFront } from './services/front.ts';
import { isPresent } from './setup/programs.ts';

const run = promisify(execFile);
const document = openDocument('docs/operations.md');
const photo = new URL('./fixtures/photo.jpg', import.meta.url).pathname;

let app: Stowage;
/** The same below a path, known by its public address. */
let below: Stowage;
let folder = '';
let port = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stowage-operations-'));
  port = await freePort();
  [app, below] = await Promise.all([
    startStowage({
      env: { STOWAGE_TRUST_PROXY: 'loopback', STOWAGE_LIMITS_MAX_UPLOAD_BYTES: '5MB' },
    }),
    startStowage({
      env: {
        STOWAGE_TRUST_PROXY: 'loopback',
        STOWAGE_PUBLIC_URL: `https://localhost:${port}/media`,
      },
    }),
  ]);
});
afterAll(async () => {
  await Promise.all([app?.stop(), below?.stop()]);
  await rm(folder, { recursive: true, force: true });
});

type Line = Readonly<Record<string, unknown>>;
const lines = ({ log }: Stowage): readonly Line[] =>
  log.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));

const address = ({ url }: Stowage): string => url.replace('http://', '');

/** The snippets of the document, with ports and files of this test. */
async function nginx({ folder: home, certificate, key }: FrontFiles): Promise<readonly string[]> {
  const inPath = document
    .block('Below a path', 'nginx')
    .replace('http://stowage/', `${below.url}/`);
  const site = document
    .block('nginx', 'nginx')
    .replace('127.0.0.1:8080', address(app))
    .replace('listen 443 ssl', `listen 127.0.0.1:${port} ssl`)
    .replace('files.example;', 'localhost;')
    .replace('/etc/ssl/files.example/fullchain.pem', certificate)
    .replace('/etc/ssl/files.example/privkey.pem', key)
    .replace(/\}\s*$/, `${inPath}}`);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${home}/${kind};`,
  );
  const conf = `daemon off; pid ${home}/pid; error_log stderr; events {} http { access_log off; ${temporary.join(' ')}\n${site}\n}\n`;
  await writeFile(join(home, 'nginx.conf'), conf);
  return ['-p', home, '-c', join(home, 'nginx.conf')];
}

async function caddy({ folder: home, certificate, key }: FrontFiles): Promise<readonly string[]> {
  const site = document
    .block('Caddy', 'caddyfile')
    .replace(
      'files.example {',
      `https://localhost:${port} {\n\tbind 127.0.0.1\n\ttls ${certificate} ${key}`,
    )
    .replace('127.0.0.1:8080', address(app));
  await writeFile(join(home, 'Caddyfile'), `{\n\tadmin off\n\tauto_https off\n}\n${site}`);
  return ['run', '--config', join(home, 'Caddyfile')];
}

describe.each([
  ['nginx', nginx],
  ['caddy', caddy],
] as const)('behind %s', (program, prepare) => {
  const isMissing = [program, 'curl', 'openssl'].some((name) => !isPresent(name));
  let front: Front;
  beforeAll(async () => {
    if (!isMissing) {
      front = await startFront(
        isPresent(`/usr/sbin/${program}`) ? `/usr/sbin/${program}` : program,
        port,
        prepare,
      );
    }
  });
  afterAll(() => front?.stop());

  const ask = async (path: string, ...args: readonly string[]): Promise<string> =>
    (await curl('--cacert', front.certificate, ...args, `${front.url}${path}`)).toString();
  const admin = (): readonly string[] => ['-H', `Authorization: Bearer ${app.adminToken}`];
  const form = async (bytes: number): Promise<readonly string[]> => {
    await writeFile(join(folder, 'file.bin'), Buffer.alloc(bytes, 'x'));
    return ['-F', `file=@${join(folder, 'file.bin')}`];
  };

  it.skipIf(isMissing)(
    '3 MB go in and out, by a link that is whole and https, and the log names the caller',
    async () => {
      const spoofed = ['-H', 'X-Forwarded-For: 203.0.113.9', '-A', `${program}-upload/1`];
      const [{ src }] = JSON.parse(
        await ask('/upload?returnFormat=full', ...admin(), ...spoofed, ...(await form(3_000_000))),
      );
      expect(src).toMatch(`${front.url}/file/`);
      expect(await ask(new URL(src).pathname)).toHaveLength(3_000_000);
      const mine = () => lines(app).find(({ userAgent }) => userAgent === `${program}-upload/1`);
      await expect.poll(mine).toMatchObject({ ip: '127.0.0.1', status: 200 });
      const { upload_url: uploadUrl } = JSON.parse(
        await ask(
          '/api/v1/media/upload',
          ...admin(),
          '--json',
          '{"filename":"a.jpg","content_type":"image/jpeg","size":1000}',
        ),
      ).data;
      expect(uploadUrl).toMatch(`${front.url}/relay/`);
    },
  );

  it.skipIf(isMissing)('the metrics are for this machine only', async () => {
    const status = ['-o', '/dev/null', '-w', '%{http_code}'];
    expect(await ask('/metrics', ...status)).toBe('401');
    expect(await ask('/metrics', ...status, ...admin())).toBe('200');
  });

  // Caddy may end the stream of such an upload before its client has read the answer.
  it.skipIf(isMissing || program !== 'nginx')(
    'a refusal in the middle of an upload can be read',
    async () => {
      const plain = ['-H', 'Expect:', '-w', ' %{http_code}', ...(await form(8_000_000))];
      expect(await ask('/upload', '-H', 'Authorization: Bearer wrong', ...plain)).toBe(
        'Unauthorized 401',
      );
      expect(await ask('/upload', ...admin(), ...plain)).toMatch(/^Error: .*large.* 413$/s);
    },
  );

  it.skipIf(isMissing)('nothing is warned of', () => {
    expect(lines(app).filter(({ setting }) => setting === 'STOWAGE_TRUST_PROXY')).toEqual([]);
  });

  it.skipIf(isMissing || program !== 'nginx')('it works below a path', async () => {
    const upload = await ask('/media/upload?returnFormat=full', ...admin(), '-F', `file=@${photo}`);
    const [{ src }] = JSON.parse(upload);
    expect(src).toMatch(`${front.url}/media/file/`);
    expect(
      await ask(new URL(src).pathname, '-o', '/dev/null', '-w', '%{http_code} %{content_type}'),
    ).toBe('200 image/jpeg');
    const page = await ask('/media/docs');
    const script = /<script src="([^"]+)"/.exec(page)?.[1] ?? '';
    const found = new URL(script, `${front.url}/media/docs`).pathname;
    expect(await ask(found, '-o', '/dev/null', '-w', '%{http_code}')).toBe('200');
    expect(JSON.parse(await ask('/media/openapi.json')).servers[0].url).toBe('/media/');
  });
});

describe('systemd', () => {
  const unit = document.block('systemd', 'ini');

  it('leaves more time to stop than the server takes', () => {
    const seconds = (pattern: RegExp, text: string) => Number(pattern.exec(text)?.[1]);
    const { text } = openDocument('docs/configuration.md');
    const grace = seconds(
      /`STOWAGE_SHUTDOWN_GRACE_SECONDS`[^|]*\|[^`|]*`?[^`|]*`?[^`]*`(\d+)`/,
      text,
    );
    expect(seconds(/TimeoutStopSec=(\d+)/, unit)).toBeGreaterThan(grace);
    expect(
      seconds(/terminationGracePeriodSeconds: (\d+)/, document.section('Kubernetes')),
    ).toBeGreaterThan(grace + 10);
  });

  it.skipIf(!isPresent('systemd-analyze'))(
    'takes the unit (skipped without systemd-analyze)',
    async () => {
      const file = join(folder, 'stowage.service');
      const here = new URL('../../', import.meta.url).pathname.replace(/\/$/, '');
      await writeFile(
        file,
        unit.replaceAll('/opt/stowage', here).replace(/^(User|Group)=.*/gm, '$1=root'),
      );
      const { stdout, stderr } = await run('systemd-analyze', ['verify', '--man=no', file]).catch(
        (error) => error,
      );
      const said = `${stdout}${stderr}`.split('\n').filter((line) => line.includes('stowage'));
      expect(said).toEqual([]);
      expect(existsSync(join(here, 'server/bin/stowage.js'))).toBe(true);
    },
  );
});

describe('fail2ban', () => {
  it.skipIf(!isPresent('fail2ban-regex') || !isPresent('curl'))(
    'finds the lines of wrong tokens, whatever the address holds, and no others (skipped without fail2ban)',
    async () => {
      const from = (ip: string): readonly string[] => [
        '-g',
        '-H',
        `X-Forwarded-For: ${ip}`,
        '-H',
        'Authorization: Bearer wrong',
      ];
      await curl(...from('203.0.113.7'), '-X', 'POST', `${app.url}/upload`);
      await curl(
        ...from('203.0.113.8'),
        '-X',
        'DELETE',
        `${app.url}/api/manage/delete/a","status":200,"b\\`,
      );
      const forged = '"ip":"203.0.113.66","method":"GET","route":"x","path":"x","status":401,';
      await curl(...from('203.0.113.9'), '-A', forged, `${app.url}/file/${forged}`);
      await curl(...from('203.0.113.9'), '-A', forged, `${app.url}/${forged}`);
      await expect
        .poll(() => lines(app).filter(({ ip }) => String(ip).startsWith('203.0.113.')))
        .toHaveLength(4);
      const [log, filter] = [join(folder, 'log'), join(folder, 'stowage.conf')];
      const own = app.log.filter((line) => line.includes('203.0.113.'));
      // As journald hands a line on, too.
      await writeFile(log, [...own, ...own.map((line) => `host env[4711]: ${line}`)].join('\n'));
      await writeFile(filter, document.section('fail2ban').match(/```ini\n(.*?)```/s)?.[1] ?? '');
      const { stdout } = await run('fail2ban-regex', [
        '--print-all-matched',
        '-o',
        'ip',
        log,
        filter,
      ]);
      const banned = stdout.split('\n').filter((line) => /^[\d.]+$/.test(line));
      expect(new Set(banned)).toEqual(new Set(['203.0.113.7', '203.0.113.8']));
      expect(banned).toHaveLength(4);
    },
  );
});

describe('monitoring', () => {
  let exported: ReadonlySet<string>;
  beforeAll(async () => {
    const text = await (await app.fetch('/metrics')).text();
    exported = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name ?? ''));
  });

  it.each(['docs/monitoring/alerts.yml', 'docs/monitoring/grafana-dashboard.json'])(
    '%s asks only for what there is',
    (path) => {
      const names = openDocument(path).text.match(/\b(?:stowage|process|nodejs)_[a-z_]+\b/g) ?? [];
      const families = new Set(names.map((name) => name.replace(/_(?:bucket|count|sum)$/, '')));
      expect(families.size).toBeGreaterThan(5);
      for (const name of families) {
        expect(exported).toContain(name);
      }
    },
  );

  it('the table has every metric, and no other', () => {
    const rows = document
      .section('Metrics')
      .split('\n')
      .filter((line) => line.startsWith('| `stowage_'));
    const named = rows.flatMap((row) => row.split('|')[1]?.match(/stowage_[a-z_]+/g) ?? []);
    expect([...named].sort()).toEqual(
      [...exported].filter((name) => name.startsWith('stowage_')).sort(),
    );
  });

  it('the dashboard can be imported: panels of its own ids, with queries', () => {
    const { panels, title, uid } = JSON.parse(
      openDocument('docs/monitoring/grafana-dashboard.json').text,
    );
    expect([title, uid]).toEqual(['Stowage', 'stowage']);
    expect(new Set(panels.map(({ id }: { id: number }) => id)).size).toBe(panels.length);
    for (const { targets } of panels) {
      for (const { expr } of targets) {
        expect(expr).toMatch(/stowage_|process_/);
      }
    }
  });

  it.skipIf(!isPresent('promtool'))(
    'Prometheus takes the rules (skipped without promtool)',
    async () => {
      const path = new URL('../../docs/monitoring/alerts.yml', import.meta.url).pathname;
      expect((await run('promtool', ['check', 'rules', path])).stdout).toContain('SUCCESS');
    },
  );
});

it('the table of the log has every field of a request', async () => {
  const form = new FormData();
  form.set('file', new Blob(['x']), 'a.txt');
  await app.fetch('/upload', { method: 'POST', body: form, headers: { 'user-agent': 'fields/1' } });
  const line = () => lines(app).find(({ userAgent }) => userAgent === 'fields/1');
  await expect.poll(line).toBeDefined();
  const rows = document
    .section('Log')
    .split('\n')
    .filter((row) => row.startsWith('| `'));
  const named = rows.flatMap((row) => row.split('|')[1]?.match(/\w+/g) ?? []);
  expect([...named].sort()).toEqual(Object.keys(line() ?? {}).sort());
});
