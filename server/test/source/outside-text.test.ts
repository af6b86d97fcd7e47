import { fileURLToPath } from 'node:url';
import type { Node, SourceFile } from 'typescript/unstable/ast';
import {
  isAsExpression,
  isBinaryExpression,
  isElementAccessExpression,
  isParenthesizedExpression,
  isVariableDeclaration,
} from 'typescript/unstable/ast/is';
import { API, type Symbol as Declared, type Project } from 'typescript/unstable/sync';
import { expect, it } from 'vitest';

/** Lookups that are safe though their key is any text, and why. */
const safe: Readonly<Record<string, string>> = {
  'core/own.ts: table[key]': 'behind Object.hasOwn',
  'main.ts: commands[name]': 'behind Object.hasOwn',
  'config/channels.ts: shape[base]': 'behind Object.hasOwn',
  'config/redact.ts: shape[key]': 'behind Object.hasOwn',
  'config/channels.ts: shape[key]': 'the key is one of the input that zod has looked at',
  "config/channels.ts: shape[key ?? '']": 'the key is one of the input that zod has looked at',
  'config/redact.ts: key in config': 'the key is a setting of ours',
  'config/sources.ts: env[name]': 'names of settings, or of the environment itself',
  'config/sources.ts: tree[name]': 'the name is one of its own keys',
  'config.ts: root[group]': 'names of settings',
  'config.ts: target[name]': 'names of settings',
  'core/storage/intake.ts: actual?.[algorithm as DigestAlgorithm]':
    'names of digests that we asked for',
  'core/content-type/media-types.ts: extensionsOf[essence]': 'a media type has a slash',
  'outbound/http-client.ts: response.headers[name.toLowerCase()]':
    'names of headers that stand in the source',
  'logger.ts: copy[name]': 'the name is one of its own keys',
  'http/openapi/failures.ts: all[status]': 'the document is made of our own source',
  'http/openapi/failures.ts: content[mediaType]': 'the document is made of our own source',
  'http/openapi/document.ts: found[operation.path]': 'the document is made of our own source',
  'metadata/work.ts: values[parameter[slotName] as string]':
    'names of slots that stand in the source',
  'metadata/uploads/upload-update.ts: of[name]': 'names of columns',
};

/** Types of tables that have no prototype, or are asked for names that stand in the source only. */
const safeTables: ReadonlySet<string> = new Set(['Fields', 'IncomingHttpHeaders']);

/**
 * `table[text]` and `text in table` find `constructor` and `__proto__` in every object literal.
 * What comes from outside is looked up in a Map, by `own()`, or in an object without a prototype.
 */
it('no text from outside is looked up in an object literal', () => {
  const api = new API();
  try {
    const root = fileURLToPath(new URL('../../../', import.meta.url));
    const [project] = api.updateSnapshot({ openProjects: [`${root}tsconfig.json`] }).getProjects();
    if (project === undefined) {
      throw new Error('There is no project.');
    }
    const names = project.program.getSourceFileNames().filter(isOurs);
    expect(names.length).toBeGreaterThan(200);
    const found = names.flatMap((name) => lookups(project, name));
    expect(found.filter((lookup) => !Object.hasOwn(safe, lookup))).toEqual([]);
  } finally {
    api.close();
  }
});

function isOurs(name: string): boolean {
  return /\/server\/src\//.test(name) && !/\.test\.ts$|emulator|test-kit/.test(name);
}

function lookups(project: Project, name: string): readonly string[] {
  const { program, checker } = project;
  const source = program.getSourceFile(name);
  const sites = source === undefined ? [] : nodesOf(source).flatMap(siteOf);
  if (source === undefined || sites.length === 0) {
    return [];
  }
  const tables = checker.getTypeAtLocation(sites.map(({ table }) => table));
  const keys = checker.getTypeAtLocation(sites.map(({ key }) => key));
  const symbols = checker.getSymbolAtLocation(sites.map(({ table }) => table));
  const unsafe = sites.filter((_, at) => {
    const [table, key] = [tables[at], keys[at]];
    if (table === undefined || key === undefined || !isAnyText(checker.typeToString(key))) {
      return false;
    }
    return !safeTables.has(table.getSymbol()?.name ?? '') && !isWithoutPrototype(symbols[at]);
  });
  return unsafe.map(
    ({ node }) => `${name.replace(/^.*\/server\/src\//, '')}: ${node.getText(source)}`,
  );
}

function isWithoutPrototype(table: Declared | undefined): boolean {
  const declared = table?.valueDeclaration?.resolve();
  return (
    declared !== undefined &&
    isVariableDeclaration(declared) &&
    /= Object\.create\(null\)$/.test(declared.getText())
  );
}

interface Site {
  readonly node: Node;
  readonly table: Node;
  readonly key: Node;
}

/** A cast hides what a key is: what is cast counts. */
function siteOf(node: Node): readonly Site[] {
  if (isElementAccessExpression(node)) {
    return [{ node, table: node.expression, key: uncast(node.argumentExpression) }];
  }
  if (isBinaryExpression(node) && node.operatorToken.getText() === 'in') {
    return [{ node, table: node.right, key: uncast(node.left) }];
  }
  return [];
}

function uncast(node: Node): Node {
  return isAsExpression(node) || isParenthesizedExpression(node) ? uncast(node.expression) : node;
}

function isAnyText(type: string): boolean {
  return /^(?:string|any|unknown|`.*`)(?: \| undefined)?$/.test(type);
}

function nodesOf(source: SourceFile): readonly Node[] {
  const nodes: Node[] = [];
  const visit = (node: Node): void => {
    nodes.push(node);
    node.forEachChild(visit);
  };
  visit(source);
  return nodes;
}
