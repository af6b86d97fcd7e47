import { readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);

/** A document of the repository, to be read as a reader would: by headings. */
export interface Document {
  readonly text: string;
  /** What stands under a heading, down to the next one of its level or above. */
  section(title: string): string;
  /** The only fenced block of this language in a section. */
  block(title: string, language: string): string;
  /** The rows of the first table in a section: the first two cells, without backticks. */
  settings(title: string): Readonly<Record<string, string>>;
}

/**
 * `path` starts at the root of the repository. In what comes back, the words that readers are told
 * to replace are replaced.
 */
export function openDocument(
  path: string,
  replacements: Readonly<Record<string, string>> = {},
): Document {
  const raw = readFileSync(new URL(path, root), 'utf8');
  const text = Object.entries(replacements).reduce(
    (whole, [word, value]) => whole.replaceAll(word, value),
    raw,
  );
  const section = (title: string): string => sectionOf(text, title);
  return {
    text,
    section,
    block(title, language) {
      const [first, ...more] = blocksOf(section(title), language);
      if (first === undefined || more.length > 0) {
        throw new Error(`"${title}" has ${more.length + (first ? 1 : 0)} blocks of ${language}`);
      }
      return first;
    },
    settings: (title) => Object.fromEntries(tableOf(section(title))),
  };
}

function blocksOf(text: string, language: string): readonly string[] {
  return [...text.matchAll(/^```(\S*)\n(.*?)^```/gms)].flatMap(([, name, body]) =>
    name === language ? [body ?? ''] : [],
  );
}

function sectionOf(text: string, title: string): string {
  const lines = text.split('\n');
  const levels = headingLevels(lines);
  const start = lines.findIndex(
    (line, at) => levels[at] !== undefined && line.replace(/^#+ /, '') === title,
  );
  if (start < 0) {
    throw new Error(`There is no heading "${title}"`);
  }
  const end = levels.findIndex(
    (level, at) => at > start && level !== undefined && level <= (levels[start] ?? 0),
  );
  return lines.slice(start + 1, end < 0 ? undefined : end).join('\n');
}

/** Of each line that is a heading; a comment in a fenced block looks like one and is none. */
function headingLevels(lines: readonly string[]): readonly (number | undefined)[] {
  let fenced = false;
  return lines.map((line) => {
    if (line.startsWith('```')) {
      fenced = !fenced;
    }
    return fenced ? undefined : /^(#+) /.exec(line)?.[1]?.length;
  });
}

function tableOf(section: string): readonly (readonly [string, string])[] {
  const rows =
    section
      .match(/(^\|.*\n?)+/m)?.[0]
      .trimEnd()
      .split('\n') ?? [];
  return rows.slice(2).map((row) => {
    const [, name = '', value = ''] = row.split(/(?<!\\)\|/).map((cell) => cell.trim());
    return [name, value.replace(/^`(.*)`$/, '$1')] as const;
  });
}
