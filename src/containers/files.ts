/** The three files that every container gets from the engine: hosts, hostname and resolv.conf; and the directory they are in. */
import { chownSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HostConfig } from '../oci/container-config.ts';
import { textIfThere } from '../platform/read-file.ts';
import { Spares } from '../platform/spares.ts';
import { type ContainersContext, containerDir } from './context.ts';
import { donorOf } from './joins.ts';
import { ownerOnHost } from './owners.ts';
import type { ContainerRecord } from './record.ts';

const NAMES = ['hosts', 'hostname', 'resolv.conf'] as const;

/** Directories of containers to come, with the three files in them, which a start then only has to fill. Those of before are removed. */
export function containerDirectories(dataDir: string): Spares {
  const root = join(dataDir, 'spare');
  mkdirSync(root, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(root)) rmSync(join(root, name), { recursive: true, force: true });
  return new Spares(root, (directory) => {
    mkdirSync(directory, { mode: 0o710 });
    for (const name of NAMES) writeFileSync(join(directory, name), '', { mode: 0o644 });
  });
}

/** /etc/hosts: loopback names, --add-host lines, and the container's own name at its address. */
export function hostsText(record: ContainerRecord, gateway: string | null): string {
  const lines = [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'ff00::0\tip6-mcastprefix',
    'ff02::1\tip6-allnodes',
    'ff02::2\tip6-allrouters',
  ];
  for (const extra of record.hostConfig.ExtraHosts ?? []) {
    const split = extra.search(/[:=]/);
    const address = extra.slice(split + 1).replace(/^\[(.*)\]$/, '$1');
    lines.push(`${address === 'host-gateway' ? (gateway ?? '127.0.0.1') : address}\t${extra.slice(0, split)}`);
  }
  const { Hostname = '', Domainname = '' } = record.config;
  if (record.endpoint !== null) {
    const names = Domainname === '' ? Hostname : `${Hostname}.${Domainname} ${Hostname}`;
    lines.push(`${record.endpoint.address}\t${names}`);
  }
  return `${lines.join('\n')}\n`;
}

/** The host's resolv.conf as a container can use it: name servers on the host's loopback mean nothing inside. */
export function resolvConfText(hostText: string, hostConfig: HostConfig): string {
  const own = hostText.split('\n').map((line) => line.trim());
  const values = (key: string) =>
    own.filter((line) => line.startsWith(`${key} `)).map((line) => line.slice(key.length + 1).trim());
  const usable = values('nameserver').filter((address) => !address.startsWith('127.') && address !== '::1');
  const servers = hostConfig.Dns?.length ? hostConfig.Dns : usable;
  const search = hostConfig.DnsSearch?.length ? hostConfig.DnsSearch : values('search').slice(-1);
  const options = hostConfig.DnsOptions?.length ? hostConfig.DnsOptions : values('options').slice(-1);
  const lines = servers.map((server) => `nameserver ${server}`);
  if (search.length > 0 && search[0] !== '.') lines.push(`search ${search.join(' ')}`);
  if (options.length > 0) lines.push(`options ${options.join(' ')}`);
  return `${lines.join('\n')}\n`;
}

/** In another container's network its files hold: they name that network's addresses. */
export function engineFilesDir(context: ContainersContext, record: ContainerRecord): string {
  return containerDir(context, donorOf(context, record.hostConfig.NetworkMode)?.record.id ?? record.id);
}

/** Where the three files lie, and where they are mounted. */
export function engineFiles(context: ContainersContext, record: ContainerRecord): { source: string; target: string }[] {
  const directory = engineFilesDir(context, record);
  return NAMES.map((name) => ({
    source: join(directory, name),
    target: `/etc/${name}`,
  }));
}

/** Writes the three files anew, as every start does; with a user namespace its root may change them, too. */
export function writeEngineFiles(context: ContainersContext, record: ContainerRecord): void {
  if (donorOf(context, record.hostConfig.NetworkMode) !== undefined) return;
  const directory = containerDir(context, record.id);
  const gateway = record.endpoint?.gateway ?? null;
  const texts: Record<(typeof NAMES)[number], string> = {
    hosts: hostsText(record, gateway),
    hostname: `${record.config.Hostname ?? ''}\n`,
    // A host without a resolv.conf is a host without name servers, not an error.
    'resolv.conf': resolvConfText(textIfThere('/etc/resolv.conf') ?? '', record.hostConfig),
  };
  const root = record.idMap ? ownerOnHost(record.idMap, { uid: 0, gid: 0 }) : null;
  for (const [name, text] of Object.entries(texts)) {
    const path = join(directory, name);
    writeFileSync(path, text, { mode: 0o644 });
    if (root !== null) chownSync(path, root.uid, root.gid);
  }
}
