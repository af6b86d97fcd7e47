/** Groups of operations, in the order of the page. */
export const tags = [
  {
    name: 'Media',
    description:
      'The Media API: get an upload URL, send the bytes, complete. Also under `/v1` and without a prefix.',
  },
  {
    name: 'Upload URL',
    description: 'Step 2 of the Media API, on channels that have no upload addresses of their own.',
  },
  { name: 'Account', description: 'Calls by which clients of the Media API check a token.' },
  {
    name: 'Upload',
    description: 'The Upload API (image bed): one POST stores a file; large files go in chunks.',
  },
  {
    name: 'Hugging Face',
    description:
      'Large files straight to a Hugging Face repository. Also under `/api/huggingface`.',
  },
  { name: 'Files', description: 'The links, whichever API a file came through.' },
  {
    name: 'Pages',
    description: 'What pages of the Upload API read, some of it without credentials.',
  },
  { name: 'Sign-in', description: 'Sessions of people in browsers.' },
  { name: 'Management', description: 'Tokens, files and channels.' },
  { name: 'Operations', description: 'For operators of the server.' },
] as const;

export type Tag = (typeof tags)[number]['name'];
