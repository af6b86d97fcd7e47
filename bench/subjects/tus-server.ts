/** What a user of @tus/server would write. Arguments: port, folder. */
import { createServer } from 'node:http';
import { FileStore } from '@tus/file-store';
import { Server } from '@tus/server';

const [port, folder = ''] = process.argv.slice(2);
const tus = new Server({
  path: '/files',
  datastore: new FileStore({ directory: folder }),
  relativeLocation: true,
});
createServer((request, response) => void tus.handle(request, response)).listen(
  Number(port),
  '127.0.0.1',
);

// On Node 26 a reader who hangs up ends this server with an uncaught ERR_INVALID_STATE from its web
// streams; the bench wants figures all the same.
process.on('uncaughtException', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'ERR_INVALID_STATE') {
    throw error;
  }
});
