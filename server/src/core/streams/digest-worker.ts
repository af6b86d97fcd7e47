import { createHash, type Hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import type { DigestAlgorithm, DigestReply, DigestRequest } from './digests.ts';

const open = new Map<number, readonly (readonly [DigestAlgorithm, Hash])[]>();

parentPort?.on('message', (request: DigestRequest) => {
  const { id } = request;
  if (request.kind === 'drop') {
    open.delete(id);
    return;
  }
  const hashes =
    open.get(id) ?? request.algorithms.map((name) => [name, createHash(name)] as const);
  open.set(id, hashes);
  if (request.kind === 'chunk') {
    for (const [, hash] of hashes) {
      hash.update(request.chunk);
    }
    reply({ id, bytes: request.chunk.length });
  } else {
    open.delete(id);
    reply({
      id,
      digests: Object.fromEntries(hashes.map(([name, hash]) => [name, hash.digest('hex')])),
    });
  }
});

function reply(answer: DigestReply): void {
  parentPort?.postMessage(answer);
}
