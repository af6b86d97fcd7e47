import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './acceptance/harness.ts';
import { type Document, openDocument } from './documents.ts';
import { fromRegistry, isOffline } from './setup/from-registry.ts';
import { isPresent } from './setup/programs.ts';

const photo = readFileSync(new URL('./fixtures/photo.jpg', import.meta.url));
const picture = readFileSync(new URL('./fixtures/picture.png', import.meta.url));
const code = 'an-upload-code';

let app: Stowage;
let folder = '';
/**
 * docs/clients.md as somebody reads it who has this server, with a token that is right and with one
 * that is not.
 */
let right: Document;
let wrong: Document;

beforeAll(async () => {
  app = await startStowage({ env: { STOWAGE_AUTH_CODE: code } });
  folder = await mkdtemp(join(tmpdir(), 'stowage-clients-'));
  await writeFile(join(folder, 'photo.jpg'), photo);
  const documentWith = (TOKEN: string) =>
    openDocument('docs/clients.md', { 'https://files.example': app.url, TOKEN, CODE: code });
  right = documentWith(app.adminToken);
  wrong = documentWith('a-wrong-token');
});
afterAll(async () => {
  await app?.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const PATH = [env.PATH, process.env.PATH].join(delimiter);
  return new Promise((resolve) => {
    execFile(
      program,
      args,
      { cwd: folder, env: { HOME: folder, ...env, PATH }, timeout: 60_000 },
      (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
    );
  });
}

/** The last line is a whole link, and what it leads to are these bytes. */
async function expectLink(output: string, bytes: Buffer = photo): Promise<void> {
  const link = output.trim().split('\n').at(-1) ?? '';
  expect(link).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/file\//);
  expect(Buffer.from(await (await fetch(link)).arrayBuffer()).equals(bytes)).toBe(true);
}

interface FormUpload {
  readonly address: string;
  readonly headers?: Record<string, string>;
  readonly field: string;
  readonly fields?: Readonly<Record<string, string>>;
  readonly path: readonly (string | number)[];
}

/** What a program with a window does with its settings. */
async function sendForm({
  address,
  headers = {},
  field,
  fields = {},
  path,
}: FormUpload): Promise<{ status: number; text: string; link: string }> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    form.set(name, value);
  }
  form.set(field, new Blob([photo], { type: 'image/jpeg' }), 'photo.jpg');
  const response = await fetch(address, { method: 'POST', headers, body: form });
  const text = await response.text();
  const step = (value: unknown, key: string | number): unknown =>
    (value as Record<string | number, unknown>)[key];
  const link = response.ok ? String(path.reduce(step, JSON.parse(text))) : '';
  return { status: response.status, text, link };
}

async function expectUpload(upload: (document: Document) => FormUpload): Promise<void> {
  await expectLink((await sendForm(upload(right))).link);
  expect(await sendForm(upload(wrong))).toMatchObject({ status: 401, text: 'Unauthorized' });
}

describe('what all clients need', () => {
  it('is in the table', () =>
    expectUpload((document) => {
      const {
        Address: address = '',
        Header: header = '',
        'Field of the file': field = '',
      } = document.settings('Clients');
      const [name = '', value = ''] = header.split(': ');
      return { address, field, headers: { [name]: value }, path: [0, 'src'] };
    }));

  it('can be the upload code in the address or in a header', async () => {
    const address = /`(http\S+authCode=\S+)`/.exec(right.section('Clients'))?.[1] ?? '';
    await expectLink((await sendForm({ address, field: 'file', path: [0, 'src'] })).link);
    const [, name = '', value = ''] =
      /header\s+`(authCode): (\S+)`/.exec(right.section('Clients')) ?? [];
    const plain = address.replace(/&authCode.*/, '');
    await expectLink(
      (
        await sendForm({
          address: plain,
          headers: { [name]: value },
          field: 'file',
          path: [0, 'src'],
        })
      ).link,
    );
  });
});

describe('PicGo-Core and PicList-Core', () => {
  let packages = '';
  let offline = false;
  beforeAll(async () => {
    try {
      packages = await fromRegistry('clients', {
        dependencies: {
          picgo1: 'npm:picgo@1.5.9',
          picgo3: 'npm:picgo@3.1.0',
          piclist: '0.3.2',
          'picgo-plugin-web-uploader': '1.1.1',
        },
        // The one that PicList wants is compiled by a script of its package.
        overrides: { sharp: '0.35.5' },
      });
    } catch (error) {
      if (!isOffline(error)) {
        throw error;
      }
      offline = true;
    }
  }, 300_000);
  beforeEach(({ skip }) => {
    if (offline) {
      skip('PicGo and PicList are not tried: the npm registry cannot be reached');
    }
  });

  /** A folder with configuration and plugin, as `picgo install` leaves it. */
  async function configured(name: string, document: Document): Promise<string> {
    const home = await mkdtemp(join(folder, `${name}-`));
    const config = join(home, 'config.json');
    await writeFile(config, document.block('PicGo', 'json'));
    const plugin = 'picgo-plugin-web-uploader';
    await writeFile(
      join(home, 'package.json'),
      JSON.stringify({ dependencies: { [plugin]: '1.1.1' } }),
    );
    await mkdir(join(home, 'node_modules'));
    await symlink(join(packages, 'node_modules', plugin), join(home, 'node_modules', plugin));
    return config;
  }

  it.each(['picgo1', 'picgo3', 'piclist'])('%s uploads, and ends', async (name) => {
    const command = join(packages, 'node_modules', name, 'bin/picgo');
    const upload = async (document: Document): Promise<Ran> =>
      run(process.execPath, [
        command,
        '-c',
        await configured(name, document),
        'upload',
        'photo.jpg',
      ]);
    const [done, refused] = await Promise.all([upload(right), upload(wrong)]);
    await expectLink(done.stdout);
    expect(done.code).toBe(0);
    expect(refused).toMatchObject({ code: 0, stdout: expect.stringMatching(/SUCCESS\]:\s*$/) });
  });

  it('have the settings that the table gives for the app', () => {
    const fields = Object.entries(right.settings('PicGo')).map(([label, value]) => [
      label.replace(/ \(.*/, ''),
      value,
    ]);
    const config = JSON.parse(right.block('PicGo', 'json')).picBed['web-uploader'];
    expect(Object.fromEntries(fields)).toEqual({
      API地址: config.url,
      POST参数名: config.paramName,
      JSON路径: config.jsonPath,
      自定义请求头: JSON.stringify({
        Authorization: JSON.parse(config.customHeader).Authorization,
      }).replace('":"', '": "'),
      自定义Body: 'leave empty',
    });
  });
});

describe('settings of programs with windows', () => {
  it('PicList, Advanced Custom', () =>
    expectUpload((document) => {
      const { endpoint, formDataKey, headers, body, resDataPath, method } = JSON.parse(
        document.block('PicList', 'json'),
      );
      expect(method).toBe('POST');
      const [address, field, path] = [endpoint, formDataKey, resDataPath.split('.')];
      return { address, field, path, headers: JSON.parse(headers), fields: JSON.parse(body) };
    }));

  it('Obsidian, Image Uploader', async () => {
    const upload = (document: Document): FormUpload => {
      const settings = document.settings('Obsidian');
      const [[field = '', value] = [], ...more] = Object.entries(
        JSON.parse(settings['Upload Body'] ?? ''),
      );
      expect([value, more]).toEqual(['$FILE', []]);
      const path = (settings['Image Url Path'] ?? '').split('.');
      return {
        address: settings['Api Endpoint'] ?? '',
        field,
        path,
        headers: JSON.parse(settings['Upload Header'] ?? ''),
      };
    };
    await expectUpload(upload);
    const preflight = {
      origin: 'app://obsidian.md',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization',
    };
    const answer = await fetch(upload(right).address, { method: 'OPTIONS', headers: preflight });
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect(answer.headers.get('access-control-allow-headers')?.toLowerCase()).toContain(
      'authorization',
    );
  });

  it('ShareX, stowage.sxcu', () =>
    expectUpload((document) => {
      const sxcu = JSON.parse(document.block('ShareX', 'json'));
      expect(sxcu).toMatchObject({
        RequestMethod: 'POST',
        Body: 'MultipartFormData',
        ErrorMessage: '{response}',
      });
      const address = `${sxcu.RequestURL}?${new URLSearchParams(sxcu.Parameters)}`;
      const [, index, key = ''] = /^\{json:\[(\d+)\]\.(\w+)\}$/.exec(sxcu.URL) ?? [];
      return {
        address,
        field: sxcu.FileFormName,
        headers: sxcu.Headers,
        path: [Number(index), key],
      };
    }));

  it('uPic', () =>
    expectUpload((document) => {
      const settings = Object.fromEntries(
        Object.entries(document.settings('uPic')).map(([label, value]) => [
          label.replace(/ \(.*/, ''),
          value,
        ]),
      );
      expect(settings.Method).toBe('POST');
      const [, name = '', value = ''] =
        /header `(\w+)` with the value `(.*?)`/.exec(document.section('uPic')) ?? [];
      const path = JSON.parse(settings['URL path'] ?? '');
      return {
        address: settings['API URL'] ?? '',
        field: settings['File field'] ?? '',
        headers: { [name]: value },
        path,
      };
    }));

  it('Shortcuts', () =>
    expectUpload((document) => {
      const text = document.section('iPhone and iPad');
      const [, address = ''] = /_Get Contents of URL_:\s+`(.*?)`/.exec(text) ?? [];
      const [, name = '', value = ''] = /Headers\s+`(.*?)` = `(.*?)`/.exec(text) ?? [];
      const [, field = ''] = /named\s+`(.*?)`/.exec(text) ?? [];
      const [, key = ''] = /Value for\s+`(.*?)`/.exec(text) ?? [];
      return { address, field, headers: { [name]: value }, path: [0, key] };
    }));
});

describe.skipIf(!isPresent('curl'))('scripts (skipped without curl)', () => {
  /** Writes programs into a folder of the PATH. */
  async function withPrograms(programs: Readonly<Record<string, string>>): Promise<string> {
    const bin = await mkdtemp(join(folder, 'bin-'));
    for (const [name, text] of Object.entries(programs)) {
      await writeFile(join(bin, name), text);
      await chmod(join(bin, name), 0o700);
    }
    return bin;
  }

  it('curl', async () => {
    const done = await run('sh', ['-c', right.block('curl', 'sh')]);
    await expectLink(JSON.parse(done.stdout)[0].src);
    expect(await run('sh', ['-c', wrong.block('curl', 'sh')])).toMatchObject({
      code: 22,
      stdout: 'Unauthorized',
    });
  });

  it('Typora prints a link for each file, whatever it is called', async () => {
    const names = ['a b;c,d.jpg', '图 片.jpg'];
    for (const name of names) {
      await writeFile(join(folder, name), photo);
    }
    const PATH = await withPrograms({ 'stowage-link': right.block('Typora', 'sh') });
    const { code: status, stdout } = await run('stowage-link', names, { PATH });
    expect(status).toBe(0);
    const links = stdout.trim().split('\n');
    expect(links).toHaveLength(2);
    for (const link of links) {
      await expectLink(link);
    }
    expect(decodeURIComponent(stdout)).toContain('图');
    const refusing = await withPrograms({ 'stowage-link': wrong.block('Typora', 'sh') });
    const refused = {
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('photo.jpg: Unauthorized'),
    };
    expect(await run('stowage-link', ['photo.jpg'], { PATH: refusing })).toMatchObject(refused);
  });

  it('Flameshot copies a link, and uploads nothing when it was closed', async () => {
    await writeFile(join(folder, 'picture.png'), picture);
    const programs = {
      shot: right.block('Flameshot', 'sh'),
      'stowage-link': right.block('Typora', 'sh'),
      flameshot: '#!/bin/sh\n[ "$*" = "gui --raw" ] && cat "$SHOT"\n',
      xclip: '#!/bin/sh\ncat > clipboard\n',
    };
    const PATH = await withPrograms(programs);
    expect(await run('shot', [], { PATH, SHOT: 'picture.png' })).toMatchObject({
      code: 0,
      stderr: '',
    });
    await expectLink(readFileSync(join(folder, 'clipboard'), 'utf8'), picture);
    await rm(join(folder, 'clipboard'));
    await writeFile(join(folder, 'aborted'), 'screenshot aborted\n');
    for (const SHOT of ['/dev/null', 'aborted']) {
      expect(await run('shot', [], { PATH, SHOT })).toMatchObject({ code: 0, stderr: '' });
    }
    expect(() => readFileSync(join(folder, 'clipboard'))).toThrow('ENOENT');
  });
});

it('JavaScript', async () => {
  const script = (document: Document) =>
    run(process.execPath, ['--input-type=module', '-e', document.block('JavaScript', 'js')]);
  await expectLink((await script(right)).stdout);
  expect(await script(wrong)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('401 Unauthorized'),
  });
});

const requests = '/usr/lib/python3/dist-packages/requests/__init__.py';

it.skipIf(!isPresent(requests))('Python (skipped without python3-requests of Debian)', async () => {
  const script = (document: Document) =>
    run('/usr/bin/python3', ['-c', document.block('Python', 'python')]);
  await expectLink((await script(right)).stdout);
  expect((await script(wrong)).stderr).toContain('HTTPError: 401 Client Error: Unauthorized');
});

it('the log says why each was refused', () => {
  const warnings = app.log.filter((line) => line.includes('"msg":"Upload refused"'));
  expect(warnings.length).toBeGreaterThan(5);
  for (const warning of warnings) {
    expect(JSON.parse(warning)).toMatchObject({ level: 'warn', reason: expect.any(String) });
  }
});
