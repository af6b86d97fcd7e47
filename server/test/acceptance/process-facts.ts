import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Open descriptors of a process: its sockets (some belong to connections that the test itself keeps
 * alive), and all others.
 */
export async function countDescriptors(
  pid: number,
): Promise<{ readonly sockets: number; readonly others: number }> {
  const folder = `/proc/${pid}/fd`;
  const links = await Promise.all(
    (await readdir(folder)).map((fd) => readlink(join(folder, fd)).catch(() => undefined)),
  );
  const open = links.filter((link) => link !== undefined);
  const sockets = open.filter((link) => link.startsWith('socket:')).length;
  return { sockets, others: open.length - sockets };
}

/** The number that the next descriptor of a process gets. */
export async function nextDescriptor(pid: number): Promise<number> {
  const used = new Set((await readdir(`/proc/${pid}/fd`)).map(Number));
  let next = 0;
  while (used.has(next)) {
    next++;
  }
  return next;
}

export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
}

/** Time that the main thread of a process has been at work so far, in ms. */
export async function workedMs(pid: number): Promise<number> {
  const [nanoseconds] = (await readFile(`/proc/${pid}/task/${pid}/schedstat`, 'latin1')).split(' ');
  return Number(nanoseconds) / 1e6;
}
