import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from '../../../test/acceptance/harness.ts';
import { isPresent } from '../../../test/setup/programs.ts';
import { apis } from '../apis.ts';
import { openApiDocument } from './document.ts';

let server: Stowage;

beforeAll(async () => {
  server = await startStowage();
});

afterAll(() => server?.stop());

describe('the page', () => {
  it('is sent under a policy that lets nothing from elsewhere in', async () => {
    const { headers } = await fetch(`${server.url}/docs`);
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval/);
  });

  it('takes its script packed or not, and only once', async () => {
    const url = `${server.url}/docs/scalar.js`;
    const packed = await fetch(url, { headers: { 'accept-encoding': 'gzip' } });
    expect(packed.headers.get('content-encoding')).toBe('gzip');
    const plain = await fetch(url, { headers: { 'accept-encoding': 'identity' } });
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect((await plain.text()) === (await packed.text())).toBe(true);
    const again = await fetch(url, {
      headers: { 'if-none-match': plain.headers.get('etag') ?? '' },
    });
    expect(again.status).toBe(304);
  });

  it.each([
    ['gzip;q=0', null],
    ['identity, gzip;q=0.0', null],
    ['x-gzip-not', null],
    ['br, gzip;q=0.5', 'gzip'],
    ['deflate,GZIP', 'gzip'],
  ])('takes its script as "%s" says', async (accepted, encoding) => {
    const { headers, body } = await fetch(`${server.url}/docs/scalar.js`, {
      headers: { 'accept-encoding': accepted },
    });
    await body?.cancel();
    expect(headers.get('content-encoding')).toBe(encoding);
  });

  it.each(['/docs', '/docs/scalar.js', '/openapi.json'])(
    '%s answers HEAD like GET',
    async (path) => {
      const ask = (method: string) =>
        fetch(server.url + path, { method, headers: { 'accept-encoding': 'identity' } });
      const [get, head] = await Promise.all([ask('GET'), ask('HEAD')]);
      const headersOf = (answer: Response) =>
        [...answer.headers].filter(
          ([name]) => !['date', 'x-request-id', 'connection', 'keep-alive'].includes(name),
        );
      expect([head.status, headersOf(head)]).toEqual([get.status, headersOf(get)]);
      expect(Number(head.headers.get('content-length'))).toBe((await get.arrayBuffer()).byteLength);
    },
  );

  it('is drawn from the document that is served', async () => {
    const served = await (await fetch(`${server.url}/openapi.json`)).json();
    expect(served).toEqual(JSON.parse(JSON.stringify(openApiDocument(apis))));
  });
});

describe.skipIf(!isPresent('chromium'))('the page in Chromium (skipped without chromium)', () => {
  let browser: Browser;
  const requests: string[] = [];
  const complaints: string[] = [];

  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--disable-background-networking',
        '--disable-component-update',
      ],
    });
  });

  afterAll(() => browser?.close());

  async function open(path: string): Promise<Page> {
    const page = await browser.newPage({ viewport: { width: 1400, height: 1000 } });
    page.on('request', (request) => requests.push(request.url()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) {
        complaints.push(message.text());
      }
    });
    await page.goto(`${server.url}${path}`);
    return page;
  }

  it('says what it is before its script has come, and nothing of that afterwards', async () => {
    const page = await browser.newPage();
    let send = () => {};
    const sent = new Promise<void>((resolve) => {
      send = resolve;
    });
    await page.route('**/docs/scalar.js', async (route) => {
      await sent;
      await route.continue();
    });
    await page.goto(`${server.url}/docs`, { waitUntil: 'commit' });
    await page.getByText('The reference is loading').waitFor();
    send();
    await page.getByRole('heading', { name: 'Stowage', exact: true }).waitFor();
    await page.getByText('The reference is loading').waitFor({ state: 'hidden' });
    await page.close();
  });

  it('shows the operations, and an answer to a tried request', async () => {
    const page = await open('/docs#tag/operations/GET/healthz');
    await page.getByRole('heading', { name: 'Liveness: does the process run?' }).waitFor();
    await page.getByRole('button', { name: /Test Request.*healthz/ }).click();
    const [answer] = await Promise.all([
      page.waitForResponse(`${server.url}/healthz`),
      page.getByRole('button', { name: /^Send get request/ }).click(),
    ]);
    expect(answer.status()).toBe(200);
    await page.getByText('200 OK').waitFor();
  });

  it('finds an operation by its words', async () => {
    const page = await open('/docs');
    await page
      .getByRole('button', { name: /Search/ })
      .first()
      .click();
    await page.getByRole('combobox').fill('upload url');
    await page
      .getByRole('option', { name: /Get an upload URL/ })
      .first()
      .click();
    await page.getByRole('heading', { name: 'Get an upload URL' }).waitFor();
  });

  it('has asked nobody else, and complained of nothing', () => {
    const foreign = requests.filter(
      (url) => !/^(data|blob):/.test(url) && new URL(url).origin !== server.url,
    );
    expect(foreign).toEqual([]);
    expect(requests).toContain(`${server.url}/openapi.json`);
    expect(complaints).toEqual([]);
  });
});
