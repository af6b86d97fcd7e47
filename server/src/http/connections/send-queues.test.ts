import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { parseSendQueues, portsOf, readSendQueues } from './send-queues.ts';

it('reads the tables of Linux, of both families', () => {
  const queues =
    parseSendQueues(`  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12345 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F90 0100007F:C350 01 0002FFFF:00000000 04:00000012 00000000  1000        0 12346 2 0000000000000000 20 4 30 10 -1
  12: 00000000000000000000000001000000:1F90 00000000000000000000000001000000:C351 01 00000010:00000000 01:00000014 00000000  1000 0 1 1`);
  expect([...queues]).toEqual([
    ['8080:0', 0],
    ['8080:50000', 0x2ffff],
    ['8080:50001', 16],
  ]);
});

it.skipIf(!existsSync('/proc/net/tcp'))(
  'sees what a silent reader leaves with the system (skipped where there is no /proc)',
  async () => {
    const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1').pause();
    const [socket] = (await once(server, 'connection')) as [Socket];
    while (socket.write(Buffer.alloc(2 ** 20))) {}
    const queues = await readSendQueues();
    expect(queues?.get(portsOf(socket))).toBeGreaterThan(0);
    client.destroy();
    socket.destroy();
    server.close();
  },
);
