import { z } from 'zod';
import { named } from '../openapi/named.ts';
import { json, route } from '../route.ts';
import { authCodeQuery } from '../upload/parameters.ts';

interface Folder {
  readonly name: string;
  readonly path: string;
  readonly children: Folder[];
}

const directory: () => z.ZodType = named('Directory', () =>
  z.strictObject({
    name: z.string(),
    path: z
      .string()
      .meta({ description: 'Empty for the root, otherwise with a slash at its end.' }),
    get children() {
      return z.array(directory());
    },
  }),
);

const directoryTreeAnswer = named('DirectoryTreeAnswer', () =>
  z.strictObject({ tree: directory() }),
);

const example = {
  tree: {
    name: '/',
    path: '',
    children: [{ name: 'holidays', path: 'holidays/', children: [] }],
  },
};

/** Upload API 4.7. */
export const getDirectoryTree = route({
  id: 'getDirectoryTree',
  method: 'GET',
  path: '/api/directoryTree',
  permission: 'any',
  tag: 'Pages',
  summary: 'All folders',
  description: 'Folders that hold files, and those above them, in order.',
  request: { query: authCodeQuery },
  answers: {
    200: {
      description: 'The root, with all below it.',
      content: json(directoryTreeAnswer, { one: { value: example } }),
    },
  },
  async handler({ reply, deps }) {
    const paths = await deps.metadata.folders.paths();
    return reply.header('cache-control', 'private, max-age=60').send({ tree: treeOf(paths) });
  },
});

function treeOf(paths: readonly string[]): Folder {
  const root: Folder = { name: '/', path: '', children: [] };
  const known = new Map([['', root]]);
  const folderAt = (path: string): Folder => {
    const found = known.get(path);
    if (found !== undefined) {
      return found;
    }
    const slash = path.lastIndexOf('/');
    const made: Folder = { name: path.slice(slash + 1), path: `${path}/`, children: [] };
    known.set(path, made);
    folderAt(path.slice(0, Math.max(slash, 0))).children.push(made);
    return made;
  };
  for (const path of paths) {
    folderAt(path);
  }
  return root;
}
