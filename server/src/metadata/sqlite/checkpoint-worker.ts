import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import type { CheckpointMode, CheckpointReply } from './checkpoint-thread.ts';

// A checkpoint waits for the disk several times. In this thread it blocks no query.
const db = new DatabaseSync((workerData as { path: string }).path, { timeout: 100 });
db.exec('pragma synchronous = normal; pragma wal_autocheckpoint = 0');

parentPort?.on('message', (mode: CheckpointMode | 'close') => {
  if (mode === 'close') {
    db.close();
    parentPort?.close();
  } else {
    parentPort?.postMessage(checkpoint(mode));
  }
});

function checkpoint(mode: CheckpointMode): CheckpointReply {
  try {
    const row = db.prepare(`pragma wal_checkpoint(${mode})`).get();
    return { isComplete: row?.busy === 0 && row.log === row.checkpointed };
  } catch (error) {
    return { isComplete: false, error: error instanceof Error ? error.message : String(error) };
  }
}
