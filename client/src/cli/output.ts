/** How a link is printed. */
export const formats = ['url', 'md', 'html', 'bbcode'] as const;
export type Format = (typeof formats)[number];

/** Shows a picture, links anything else. */
export function formatLink(
  format: Format,
  url: string,
  { name, type }: { readonly name: string; readonly type: string },
): string {
  const isImage = type.startsWith('image/');
  if (format === 'md') {
    return `${isImage ? '!' : ''}[${name.replaceAll(/[\\[\]]/g, '\\$&')}](${url.replaceAll('(', '%28').replaceAll(')', '%29')})`;
  }
  if (format === 'html') {
    return isImage
      ? `<img src="${escapeHtml(url)}" alt="${escapeHtml(name)}">`
      : `<a href="${escapeHtml(url)}">${escapeHtml(name)}</a>`;
  }
  if (format === 'bbcode') {
    return isImage ? `[img]${url}[/img]` : `[url=${url}]${name}[/url]`;
  }
  return url;
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

export interface Reporter {
  /** Starts the progress of a file. */
  begin(name: string): void;
  progress(doneBytes: number, totalBytes: number): void;
  /** Prints a sentence for the user. */
  note(sentence: string): void;
  /** The file is done, successfully or not. */
  end(): void;
}

const pauseMs = 1000;

/**
 * On a terminal, one line that is rewritten. In a log or pipe, an occasional line with the number
 * of files done.
 */
export function createReporter(
  count: number,
  { isTTY, write }: { readonly isTTY: boolean; readonly write: (text: string) => void },
): Reporter {
  let index = 0;
  let title = '';
  let isLineOpen = false;
  let reportedAt = Date.now();
  const clear = () => {
    if (isLineOpen) {
      write('\r\u001b[K');
    }
    isLineOpen = false;
  };
  const show = (text: string) => {
    write(`\r\u001b[K${text}`);
    isLineOpen = true;
  };
  return {
    begin(name) {
      title = count > 1 ? `${++index} of ${count}: ${name}` : name;
      if (isTTY) {
        show(title);
      }
    },
    progress(done, total) {
      if (isTTY) {
        show(`${title} ${Math.floor((done / Math.max(total, 1)) * 100)} %`);
      }
    },
    note(sentence) {
      clear();
      write(`${sentence}\n`);
    },
    end() {
      clear();
      if (isTTY || count === 1 || (index < count && Date.now() - reportedAt < pauseMs)) {
        return;
      }
      reportedAt = Date.now();
      write(`${index} of ${count}\n`);
    },
  };
}
