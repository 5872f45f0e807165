/** Fields that choose among alternatives: namespaces to share, networks, log drivers, restart policies, runtimes. */
import { isIP } from 'node:net';
import { EngineError } from '../../errors.ts';
import type { CreateRequest, HostConfig } from '../container-config.ts';
import { askedUserns, parseUsernsMode } from '../userns-mode.ts';
import { applyRules, ENDPOINT_RULES, isUnset } from './fields.ts';

const invalid = (message: string) => new EngineError('InvalidParameter', message);

interface Mode {
  field: 'IpcMode' | 'PidMode' | 'UTSMode' | 'CgroupnsMode';
  words: string;
  valid: RegExp;
}

const MODES: readonly Mode[] = [
  { field: 'IpcMode', words: 'IPC mode', valid: /^(|none|private|shareable|host|container:.+)$/ },
  { field: 'PidMode', words: 'PID mode', valid: /^(|private|host|container:.+)$/ },
  { field: 'UTSMode', words: 'UTS mode', valid: /^(|host)$/ },
  { field: 'CgroupnsMode', words: 'cgroup namespace mode', valid: /^(|private|host)$/ },
];

/** Modes, and what contradicts them: a container that shares a namespace cannot set it up its own way. */
export function checkNamespaceModes(request: CreateRequest, hostConfig: HostConfig): void {
  for (const { field, words, valid } of MODES) {
    const value = hostConfig[field] ?? '';
    if (!valid.test(value)) throw invalid(`invalid ${words}: ${value}`);
  }
  checkUsernsMode(askedUserns(hostConfig));
  const { NetworkMode = '', UTSMode } = hostConfig;
  const conflict = (what: string) => invalid(`conflicting options: ${what}`);
  if (UTSMode === 'host' && request.Hostname) throw conflict('hostname and the UTS mode');
  if (UTSMode === 'host' && request.Domainname) throw conflict('domain name and the UTS mode');
  if (!/^container(:|$)/.test(NetworkMode)) return;
  if (!/^container:.+/.test(NetworkMode)) {
    throw invalid('invalid network mode: invalid container format container:<name|id>');
  }
  if (request.Hostname) throw conflict('hostname and the network mode');
  if (hostConfig.Dns?.length) throw conflict('dns and the network mode');
  if (hostConfig.ExtraHosts?.length) throw conflict('custom host-to-IP mapping and the network mode');
  const ports = !isUnset(hostConfig.PortBindings) || hostConfig.PublishAllPorts === true;
  if (ports) throw conflict('port publishing and the container type network mode');
  if (!isUnset(request.ExposedPorts)) throw conflict('port exposing and the container type network mode');
}

function checkUsernsMode(mode: string): void {
  if (parseUsernsMode(mode) !== undefined) return;
  throw new EngineError('InvalidParameter', `invalid USER mode: ${mode}`, {
    hint: 'use host, auto or auto:size=N (ids)',
  });
}

/** With a user namespace: what would need the rights of the host's root. Docker's words. */
export function checkUserNamespace(hostConfig: HostConfig, remapped: boolean): void {
  const mode = parseUsernsMode(askedUserns(hostConfig))?.kind;
  if (mode === 'host' || (mode !== 'auto' && !remapped)) return;
  const hint = 'give the container --userns host';
  const refuse = (message: string) => new EngineError('InvalidParameter', message, { hint });
  if (hostConfig.Privileged === true) {
    throw refuse(
      'privileged mode is incompatible with user namespaces.  You must run the container in the host namespace when running privileged mode',
    );
  }
  const words = 'when user namespaces are enabled';
  if (hostConfig.NetworkMode === 'host') throw refuse(`cannot share the host's network namespace ${words}`);
  if (hostConfig.PidMode === 'host') throw refuse(`cannot share the host PID namespace ${words}`);
  if (hostConfig.IpcMode === 'host') throw refuse(`cannot share the host IPC namespace ${words}`);
}

export function checkRestart({ RestartPolicy, AutoRemove }: HostConfig): void {
  const { Name = '', MaximumRetryCount = 0 } = RestartPolicy ?? {};
  if (AutoRemove === true && Name !== '' && Name !== 'no') {
    throw invalid("can't create 'AutoRemove' container with restart policy");
  }
  if (!['', 'no', 'always', 'on-failure', 'unless-stopped'].includes(Name)) {
    throw invalid(
      `invalid restart policy: unknown policy '${Name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    );
  }
  if (Name === 'on-failure' && MaximumRetryCount < 0) {
    throw invalid('invalid restart policy: maximum retry count cannot be negative');
  }
  if (Name !== 'on-failure' && Name !== '' && MaximumRetryCount !== 0) {
    const negative = MaximumRetryCount < 0 ? ' and cannot be negative' : '';
    throw invalid(`invalid restart policy: maximum retry count can only be used with 'on-failure'${negative}`);
  }
}

/** Docker's words. */
export function unknownRuntime(name: string): EngineError {
  return new EngineError('InvalidParameter', `unknown or invalid runtime name: ${name}`, {
    hint: "leave the runtime out for isle's own; `docker info` lists the others, isled --add-runtime NAME=PATH adds one",
  });
}

/** `isRuntime`: is there one of this name? */
export function checkRuntime({ Runtime = '', Isolation = '' }: HostConfig, isRuntime: (name: string) => boolean): void {
  if (Runtime !== '' && !isRuntime(Runtime)) throw unknownRuntime(Runtime);
  if (!['', 'default'].includes(Isolation)) {
    throw invalid(`invalid isolation (${Isolation}): linux only supports 'default'`);
  }
}

function checkEndpoint(name: string, mode: string, endpoint: object): string[] {
  const where = `NetworkingConfig.EndpointsConfig.${name}`;
  const isDefault = (network: string) => network === 'default' || network === 'bridge';
  if (name !== mode && !(isDefault(name) && isDefault(mode))) {
    throw new EngineError('NotImplemented', `${where} is not supported by isle yet`, {
      hint: 'connect the container to one network only, the one that NetworkMode names',
    });
  }
  const { IPAMConfig, Aliases } = endpoint as { IPAMConfig?: object | null; Aliases?: string[] | null };
  if (Object.values(IPAMConfig ?? {}).some((value) => !isUnset(value))) {
    throw invalid('user specified IP address is supported on user defined networks only');
  }
  if (!isUnset(Aliases)) {
    throw invalid('network-scoped alias is supported only for containers in user defined networks');
  }
  return applyRules(ENDPOINT_RULES, endpoint, where);
}

/** Throws for a network that isle does not have; not NotFound, which makes `docker run` pull the image and try again. */
export function checkNetwork(request: CreateRequest, hostConfig: HostConfig): string[] {
  const mode = hostConfig.NetworkMode || 'default';
  const isContainer = mode.startsWith('container:');
  if (!isContainer && !['default', 'bridge', 'host', 'none'].includes(mode)) {
    throw new EngineError('InvalidParameter', `network ${mode} not found`, {
      hint: 'isle has the networks bridge, host and none; it makes no others yet',
    });
  }
  const warnings =
    mode === 'host' && !isUnset(hostConfig.PortBindings)
      ? ['Published ports are discarded when using host network mode']
      : [];
  const endpoints = Object.entries(request.NetworkingConfig?.EndpointsConfig ?? {});
  for (const [name, endpoint] of endpoints) {
    if (endpoint) warnings.push(...checkEndpoint(name, mode, endpoint));
  }
  return warnings;
}

/** These lines go into resolv.conf and hosts: an entry must not bring a line of its own. */
export function checkNameFiles({ Dns, DnsSearch, DnsOptions, ExtraHosts }: HostConfig): void {
  for (const server of Dns ?? []) {
    if (isIP(server) === 0) throw invalid(`invalid IP address in Dns: ${JSON.stringify(server)}`);
  }
  for (const word of [...(DnsSearch ?? []), ...(DnsOptions ?? [])]) {
    if (word === '' || /[\s\p{Cc}]/u.test(word)) throw invalid(`invalid DNS option: ${JSON.stringify(word)}`);
  }
  for (const entry of ExtraHosts ?? []) {
    const [, name, address = ''] = /^([^\s:=\p{Cc}]+)[:=](.+)$/u.exec(entry) ?? [];
    if (name === undefined) throw invalid(`bad format for add-host: ${JSON.stringify(entry)}`);
    if (address !== 'host-gateway' && isIP(address.replace(/^\[(.*)\]$/, '$1')) === 0) {
      throw invalid(`invalid IP address in add-host: ${JSON.stringify(address)}`);
    }
  }
}
