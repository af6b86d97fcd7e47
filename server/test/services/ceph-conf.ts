export interface CephConf {
  readonly dir: string;
  readonly fsid: string;
  readonly rgw: number;
  readonly mon: number;
  readonly monV1: number;
  /** The OSD takes eight free ports from here on. */
  readonly osdPortMin: number;
  /** Most that the objects may take. */
  readonly memoryGiB: number;
}

/**
 * Smallest cluster that behaves: one monitor, one OSD in memory, one gateway. The two paxos lines
 * turn 12 s of start into 1, the two gc lines give the memory of deleted objects back after seconds
 * instead of hours.
 */
export function cephConf({ dir, fsid, rgw, mon, monV1, osdPortMin, memoryGiB }: CephConf): string {
  return `[global]
fsid = ${fsid}
mon host = [v2:127.0.0.1:${mon},v1:127.0.0.1:${monV1}]
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
keyring = ${dir}/keyring
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
ms bind port min = ${osdPortMin}
ms bind port max = ${osdPortMin + 400}
run dir = ${dir}/run
admin socket = ${dir}/run/$name.asok
pid file = ${dir}/run/$name.pid
log file = ${dir}/log/$name.log
crash dir = ${dir}/crash
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon warn on pool no redundancy = false
mon allow pool delete = true
[mon]
mon data = ${dir}/mon
paxos propose interval = 0.02
paxos min wait = 0.01
mon tick interval = 1
mon cluster log file = ${dir}/log/cluster.log
mon data avail crit = 1
mon initial members = a
[osd]
osd data = ${dir}/osd
osd objectstore = memstore
memstore device bytes = ${memoryGiB * 2 ** 30}
osd class dir = /usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/rados-classes
osd max object name len = 2048
[client]
rgw data = ${dir}/rgw
rgw frontends = beast endpoint=127.0.0.1:${rgw}
rgw thread pool size = 32
rgw run sync thread = false
rgw gc max objs = 8
rgw gc obj min wait = 1
rgw gc processor period = 1
debug rgw = 0
rgw override bucket index max shards = 1
rgw dynamic resharding = false
`;
}
