import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isPresent } from '../setup/programs.ts';
import { type Stowage, startStowage } from './harness.ts';
import { srcOf, upload } from './requests.ts';

const noChromium = !isPresent('chromium') && 'chromium is not installed';

const listener = `<!DOCTYPE html><title>blog</title><script>addEventListener('message', () => (document.title = 'ran'))</script>`;
const embedded = (url: string) =>
  `<iframe src="${url}"></iframe><object data="${url}"></object><embed src="${url}"><img src="${url}"><video src="${url}"></video><audio src="${url}"></audio><script src="${url}"></script><script type="module" src="${url}"></script>`;

describe.skipIf(noChromium)('uploads in a real browser', () => {
  let stowage: Stowage;
  let browser: Browser;
  /** Of another origin: notes who calls, and is the blog that embeds. */
  let outside: Server;
  let outsideUrl: string;
  const calls: string[] = [];
  const trapped: string[] = [];
  const pages = new Map<string, string>();
  /** Tells in a call which file made it. */
  let mark = '';

  beforeAll(async () => {
    stowage = await startStowage();
    outside = createServer((request, response) => {
      const page = pages.get(request.url ?? '');
      const { url = '' } = request;
      if (page === undefined && url !== '/favicon.ico') {
        (url === '/trapped' ? trapped : calls).push(url);
      }
      response.writeHead(200, {
        'content-type':
          page === undefined
            ? 'text/javascript'
            : url.endsWith('.pdf')
              ? 'application/pdf'
              : 'text/html',
        'access-control-allow-origin': '*',
      });
      response.end(page ?? '');
    }).listen(0, '127.0.0.1');
    await once(outside, 'listening');
    outsideUrl = `http://127.0.0.1:${(outside.address() as AddressInfo).port}`;
    browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: ['--no-sandbox'],
    });
  });
  afterAll(async () => {
    await browser?.close();
    outside?.closeAllConnections();
    outside?.close();
    await stowage?.stop();
  });

  const script = () =>
    `try{document.title='ran'}catch{};try{top.postMessage('ran','*')}catch{};fetch('${outsideUrl}/called?${encodeURIComponent(mark)}');new Image().src='${outsideUrl}/called';`;
  const html = () =>
    `<!DOCTYPE html><html><head><title>quiet</title><meta http-equiv="refresh" content="0;url=${outsideUrl}/called"><link rel="stylesheet" href="${outsideUrl}/called"></head><body onload="${script().replaceAll("'", '&#39;')}"><img src="${outsideUrl}/called"><iframe src="${outsideUrl}/called"></iframe><form id="f" action="${outsideUrl}/called"><input></form><script>${script()}</script></body></html>`;
  const svg = () =>
    `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9" onload="${script().replaceAll("'", '&#39;')}"><image href="${outsideUrl}/called"/><script>${script()}</script><foreignObject width="9" height="9"><iframe xmlns="http://www.w3.org/1999/xhtml" src="${outsideUrl}/called"/></foreignObject></svg>`;
  const xml = () =>
    `<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="${outsideUrl}/called"?><html xmlns="http://www.w3.org/1999/xhtml"><script>${script()}</script></html>`;
  const jpeg = Buffer.from('ffd8ffe000104a46494600010100000100010000', 'hex');
  const png = Buffer.from(
    '89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c02',
    'hex',
  );

  const inXml = (start: string, end: string) =>
    `<?xml version="1.0"?>${start}<x:script xmlns:x="http://www.w3.org/1999/xhtml">${script()}</x:script>${end}`;
  const scriptTypes = [
    ...[
      'application/javascript',
      'application/x-javascript',
      'application/ecmascript',
      'application/x-ecmascript',
    ],
    ...[
      'text/javascript',
      'text/x-javascript',
      'text/ecmascript',
      'text/x-ecmascript',
      'text/jscript',
      'text/livescript',
    ],
    ...[0, 1, 2, 3, 4, 5].map((minor) => `text/javascript1.${minor}`),
  ];
  /**
   * Chromium's viewer runs scripts of a PDF that it shows, in a sandbox too: here they open a
   * dialog.
   */
  const pdf = () => {
    const objects = [
      `<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert\\("ran"\\);this.submitForm\\("${outsideUrl}/called"\\))>>>>`,
      '<</Type/Pages/Kids[3 0 R]/Count 1>>',
      '<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>',
    ];
    return `%PDF-1.7\n${objects.map((object, at) => `${at + 1} 0 obj\n${object}\nendobj\n`).join('')}trailer\n<</Size 4/Root 1 0 R>>\n%%EOF\n`;
  };

  const hostile: readonly (readonly [
    name: string,
    type: string,
    bytes: () => string | Uint8Array,
  ])[] = [
    ['page.html', 'text/html', html],
    ['page.txt', 'text/plain', html],
    ['page.png', 'image/png', html],
    ['page', '', html],
    ['vector.svg', 'image/svg+xml', svg],
    ['vector.xml', 'text/xml', svg],
    ['document.xml', 'application/xml', xml],
    ['document.xhtml', 'application/xhtml+xml', xml],
    ['script.js', 'text/javascript', script],
    ['gifar.gif', 'image/gif', () => `GIF89a=1;${script()}`],
    ['jpeg-html.jpg', 'text/html', () => Buffer.concat([jpeg, Buffer.from(html())])],
    [
      'png.php',
      'text/html',
      () => Buffer.concat([png, Buffer.from(`<?php system('id') ?>${html()}`)]),
    ],
    ['utf7.html', 'text/html; charset=utf-7', () => '+ADw-script+AD4-alert(1)+ADw-/script+AD4-'],
    ['utf16.html', 'text/html', () => Buffer.from(`\ufeff${html()}`, 'utf16le')],
    ['feed.rss', 'application/rss+xml', xml],
    [
      'page.mht',
      'multipart/related',
      () => `MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n${html()}`,
    ],
    [
      'page.pdf',
      'application/pdf',
      () => `%PDF-1.4\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\n${html()}`,
    ],
    ['script.pdf', 'application/pdf', pdf],
    ['junk.pdf', 'application/pdf', () => `<script>${script()}</script>\n${pdf()}`],
    [
      'feed.xml',
      'text/xml',
      () =>
        `<rss><channel><x:script xmlns:x="http://www.w3.org/1999/xhtml">${script()}</x:script></channel></rss>`,
    ],
    [
      'maths.mml',
      'application/mathml+xml',
      () => inXml('<math xmlns="http://www.w3.org/1998/Math/MathML">', '</math>'),
    ],
    [
      'style.xslt',
      'application/xslt+xml',
      () =>
        inXml(
          '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0">',
          '</xsl:stylesheet>',
        ),
    ],
    [
      'film.mpd',
      'application/dash+xml',
      () => inXml('<MPD xmlns="urn:mpeg:dash:schema:mpd:2011">', '</MPD>'),
    ],
    [
      'late.mpd',
      'application/dash+xml',
      () =>
        inXml(`<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><!--${' '.repeat(20_000)}-->`, '</MPD>'),
    ],
    [
      'late.ttml',
      'application/ttml+xml',
      () => inXml(`<tt xmlns="http://www.w3.org/ns/ttml"><!--${' '.repeat(20_000)}-->`, '</tt>'),
    ],
    [
      'mixed',
      'multipart/x-mixed-replace; boundary=b',
      () => `--b\r\nContent-Type: text/html\r\n\r\n${html()}\r\n--b--\r\n`,
    ],
    ['app.hta', 'application/hta', html],
    ['late.txt', 'text/plain', () => `${'words '.repeat(5000)}${html()}`],
    ['control.html', 'text/html', () => `\0${html()}`],
    [
      'utf32.html',
      'text/html; charset=utf-32',
      () => Buffer.from([...html()].flatMap((character) => [character.charCodeAt(0), 0, 0, 0])),
    ],
    ['jp.html', 'text/html; charset=iso-2022-jp', () => `\x1b$B\x1b(B${html()}`],
    ...[
      'image/jpeg',
      'video/mp4',
      'audio/mpeg',
      'application/pdf',
      'application/zip',
      'application/json',
      'audio/x-mpegurl',
      'font/woff2',
    ].flatMap((type): [string, string, () => string][] => [
      [`page as ${type}`, type, html],
      [`script as ${type}`, type, script],
      [`script in noise as ${type}`, type, () => `/*\x01*/${script()}`],
    ]),
    ...scriptTypes.map((type): [string, string, () => string] => [`${type}`, type, script]),
    ...scriptTypes.map((type): [string, string, () => string] => [
      `${type} in noise`,
      type,
      () => `/*\x01*/${script()}`,
    ]),
  ];

  it('the trap works: where scripts may run, they call', async () => {
    pages.set('/open', html().replaceAll('/called?', '/trapped').replaceAll('/called', '/trapped'));
    const page = await browser.newPage();
    await page.goto(`${outsideUrl}/open`).catch(() => undefined);
    await expect.poll(() => trapped).toContain('/trapped');
    await page.close();
  });

  it('the trap for PDFs works: where one is shown, its script opens a dialog', async () => {
    pages.set('/shown.pdf', pdf());
    const page = await browser.newPage();
    const dialog = page.waitForEvent('dialog');
    await page.goto(`${outsideUrl}/shown.pdf`).catch(() => undefined);
    const opened = await dialog;
    expect(opened.message()).toBe('ran');
    await opened.dismiss();
    await page.close();
    calls.length = 0;
  });

  it('no upload runs a script or calls anybody: opened, framed, or loaded as a script', async () => {
    const context = await browser.newContext({ acceptDownloads: true });
    try {
      const page = await context.newPage();
      const dialogs: string[] = [];
      page.on('dialog', (dialog) => {
        dialogs.push(dialog.message());
        void dialog.dismiss().catch(() => undefined);
      });
      const urls: string[] = [];
      for (const [name, type, bytes] of hostile) {
        mark = name;
        urls.push(
          `${stowage.url}${encodeURI(await srcOf(upload(stowage, '', { bytes: bytes(), name, type })))}`,
        );
      }
      for (const url of urls) {
        // A download instead of a page rejects, and leaves the page before.
        await page.goto(url, { waitUntil: 'load' }).catch(() => undefined);
        expect(await page.title(), `${url} opened`).not.toBe('ran');
      }
      expect([calls, dialogs]).toEqual([[], []]);

      for (let at = 0; at < urls.length; at += 16) {
        pages.set(
          '/blog',
          `${listener}${urls
            .slice(at, at + 16)
            .map(embedded)
            .join('')}`,
        );
        await page.goto(`${outsideUrl}/blog`, { waitUntil: 'load' });
        expect(await page.title()).toBe('blog');
        expect([calls, dialogs]).toEqual([[], []]);
      }
    } finally {
      await context.close();
    }
  }, 120_000);

  it('pictures show in pages of others', async () => {
    const pixel = Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
      'base64',
    );
    const sources = [
      await srcOf(upload(stowage, '', { bytes: pixel, name: 'pixel.png', type: 'image/png' })),
      await srcOf(upload(stowage, '', { bytes: svg(), name: 'vector.svg', type: 'image/svg+xml' })),
    ];
    pages.set(
      '/album',
      `<!DOCTYPE html>${sources.map((src) => `<img src="${stowage.url}${src}">`).join('')}`,
    );
    const page = await browser.newPage();
    await page.goto(`${outsideUrl}/album`, { waitUntil: 'load' });
    expect(await page.evaluate('[...document.images].map((image) => image.naturalWidth)')).toEqual([
      1, 9,
    ]);
    const opened = await page.goto(`${stowage.url}${sources[0]}`);
    expect(opened?.status()).toBe(200);
    await page.close();
    expect(calls).toEqual([]);
  });
});
