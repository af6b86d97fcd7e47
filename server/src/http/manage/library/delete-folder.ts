import type { FastifyReply } from 'fastify';
import { isStowageError } from '../../../core/errors.ts';
import { eachInFolder } from '../../../core/library/each-in-folder.ts';
import type { FileRecord } from '../../../core/metadata.ts';
import type { Context } from '../../route.ts';
import { sendJsonStream } from './json-stream.ts';

/** Upload API 4.4: each file by itself. A file that went meanwhile is gone, and so deleted. */
export function sendFolderDeleted(context: Context, folder: string): FastifyReply {
  return sendJsonStream(context.reply, folderDeleted(context, folder));
}

async function* folderDeleted({ deps }: Context, folder: string): AsyncGenerator<string> {
  const { files, metadata } = deps;
  const failed: string[] = [];
  let separator = '';
  const remove = async ({ id, path }: FileRecord) => ({
    path,
    ok: await files.remove(id).then(() => true, refused),
  });
  yield '{"success":true,"deleted":[';
  for await (const { path, ok } of eachInFolder(metadata.library, folder, remove)) {
    if (ok) {
      yield separator + JSON.stringify(path);
      separator = ',';
    } else {
      failed.push(path);
    }
  }
  // An earlier deletion may have failed to reach the disk.
  await metadata.settled({ force: true });
  yield `],"failed":${JSON.stringify(failed)}}`;
}

function refused(error: unknown): false {
  if (!isStowageError(error)) {
    throw error;
  }
  return false;
}
