import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CreateRequest } from '../oci/container-config.ts';
import { createOf, imageFor, infoFor, inspectFor, listedNetworkFor, statsFor, summaryFor } from './by-version.ts';
import { diskUsageFor } from './disk-usage.ts';

const CONTAINER = {
  Id: 'c',
  HostConfig: { Memory: 1, KernelMemory: 7, KernelMemoryTCP: 8 },
  Config: { OnBuild: null, Cmd: null },
  NetworkSettings: { SandboxKey: '', Networks: {}, IPAddress: '1.2.3.4', Bridge: '', HairpinMode: false },
};

describe('an inspect', () => {
  it('is without the default network’s own fields since 1.52, and with them before', () => {
    assert.deepEqual(inspectFor(52, CONTAINER)['NetworkSettings'], { SandboxKey: '', Networks: {} });
    assert.deepEqual(inspectFor(51, CONTAINER)['NetworkSettings'], CONTAINER.NetworkSettings);
    assert.deepEqual(inspectFor(52, CONTAINER)['Config'], { Cmd: null });
    assert.deepEqual(inspectFor(51, CONTAINER)['Config'], CONTAINER.Config);
  });

  it('tells of kernel memory as long as its version did', () => {
    const of = (minor: number) => Object.keys(inspectFor(minor, CONTAINER)['HostConfig'] as object);
    assert.deepEqual(of(55), ['Memory']);
    assert.deepEqual(of(42), ['Memory', 'KernelMemoryTCP']);
    assert.deepEqual(of(41).toSorted(), ['KernelMemory', 'KernelMemoryTCP', 'Memory']);
  });
});

describe('a list of containers', () => {
  it('has health since 1.52 and annotations since 1.46', () => {
    const summary = {
      Id: 'c',
      Health: { Status: 'none' },
      HostConfig: { NetworkMode: 'none', Annotations: { a: 'b' } },
    };
    assert.deepEqual(summaryFor(52, summary), summary);
    assert.deepEqual(Object.keys(summaryFor(46, summary)), ['Id', 'HostConfig']);
    assert.deepEqual(summaryFor(46, summary)['HostConfig'], summary.HostConfig);
    assert.deepEqual(summaryFor(45, summary)['HostConfig'], { NetworkMode: 'none' });
  });
});

describe('what the engine says of itself', () => {
  const info = {
    SecurityOptions: ['name=seccomp,profile=builtin', 'name=cgroupns'],
    Runtimes: { isle: { path: 'islet', status: {} } },
    RuncCommit: { ID: 'N/A' },
    RegistryConfig: { Mirrors: null },
    FirewallBackend: {},
    CDISpecDirs: [],
    Warnings: null,
  };

  it('has each field from the version that brought it on', () => {
    assert.deepEqual(infoFor(55, info), info);
    assert.equal(infoFor(49, info)['BridgeNfIptables'], false);
    assert.equal('FirewallBackend' in infoFor(48, info), false);
    assert.deepEqual(infoFor(48, info)['RuncCommit'], { ID: 'N/A', Expected: 'N/A' });
    assert.equal('CDISpecDirs' in infoFor(43, info), false);
    assert.deepEqual(infoFor(43, info)['Runtimes'], { isle: { path: 'islet' } });
    assert.equal('Warnings' in infoFor(38, info), false);
    assert.deepEqual(infoFor(24, info)['SecurityOptions'], ['seccomp', 'cgroupns']);
  });
});

describe('the use of the disk', () => {
  const lists = {
    LayersSize: 100,
    Images: [
      { Size: 70, SharedSize: 10, Containers: 1 },
      { Size: 40, SharedSize: 10, Containers: 0 },
    ],
    Containers: [
      { State: 'running', SizeRw: 5 },
      { State: 'exited', SizeRw: 7 },
    ],
    Volumes: [],
  };
  const images = { ActiveCount: 1, TotalCount: 2, Reclaimable: 40, TotalSize: 100 };
  const containers = { ActiveCount: 1, TotalCount: 2, Reclaimable: 7, TotalSize: 12 };

  it('is lists before 1.52, both in it, and sums behind it', () => {
    assert.deepEqual(diskUsageFor(51, undefined, lists), lists);
    assert.equal((diskUsageFor(43, undefined, lists)['Images'] as { VirtualSize: number }[])[0]?.VirtualSize, 70);
    assert.equal(diskUsageFor(41, undefined, lists)['BuilderSize'], 0);
    const both = diskUsageFor(52, undefined, lists);
    assert.deepEqual(both['Images'], lists.Images);
    assert.deepEqual(both['ImageUsage'], images);
    const sums = diskUsageFor(53, undefined, lists);
    assert.deepEqual(Object.keys(sums), ['ImageUsage', 'ContainerUsage', 'VolumeUsage']);
    assert.deepEqual(sums['ContainerUsage'], containers);
  });

  it('names every object when asked to', () => {
    assert.deepEqual(diskUsageFor(52, true, lists)['ContainerUsage'], { ...containers, Items: lists.Containers });
    assert.equal('Images' in diskUsageFor(52, false, lists), false);
  });
});

describe('smaller answers', () => {
  it('differ in single fields', () => {
    assert.deepEqual(statsFor(51, { id: 'c', os_type: 'linux' }), { id: 'c' });
    assert.deepEqual(listedNetworkFor(51, { Name: 'n', Containers: { c: {} } }), { Name: 'n', Containers: {} });
    assert.deepEqual(listedNetworkFor(52, { Name: 'n', Containers: {} }), { Name: 'n' });
    const image = { Author: '', Comment: 'x', Size: 3, Config: { User: '', Cmd: ['a'], Env: null } };
    assert.deepEqual(imageFor(52, image), { Comment: 'x', Size: 3, Config: { Cmd: ['a'] } });
    assert.deepEqual(imageFor(50, image), image);
    assert.equal((imageFor(49, image)['Config'] as { Hostname: string }).Hostname, '');
    assert.equal(imageFor(43, image)['VirtualSize'], 3);
  });
});

describe('the body of a create', () => {
  const request: CreateRequest = {
    Healthcheck: { StartInterval: 5 },
    HostConfig: { AutoRemove: true, ConsoleSize: [1, 2], Annotations: { a: 'b' }, KernelMemoryTCP: 1 },
  };

  it('means what it meant in its version', () => {
    assert.deepEqual(createOf(55, request), request);
    assert.deepEqual(createOf(43, request), { ...request, Healthcheck: { StartInterval: 0 } });
    assert.deepEqual(createOf(41, request).HostConfig, { AutoRemove: true, KernelMemoryTCP: 1 });
    assert.deepEqual(createOf(39, request).HostConfig, { AutoRemove: true, IpcMode: 'shareable' });
    assert.deepEqual(createOf(24, {}).HostConfig, { IpcMode: 'shareable' });
    assert.equal(createOf(39, { HostConfig: { IpcMode: 'none' } }).HostConfig?.IpcMode, 'none');
  });

  it('has options of a mount’s own type only, since 1.42', () => {
    const mount = { Type: 'bind', Target: '/t', BindOptions: { Propagation: 'shared' }, VolumeOptions: {} };
    const of = (more: object) => ({ HostConfig: { Mounts: [{ ...mount, ...more }] } });
    assert.deepEqual(createOf(55, of({})), of({}));
    assert.deepEqual(createOf(41, of({ TmpfsOptions: { SizeBytes: 1 } })), of({ TmpfsOptions: { SizeBytes: 1 } }));
    for (const [field, value] of [
      ['TmpfsOptions', { SizeBytes: 1 }],
      ['VolumeOptions', { NoCopy: true }],
      ['ImageOptions', { Subpath: 'x' }],
    ] as const) {
      const words = new RegExp(`${field} must not be specified on mount type "bind"`);
      assert.throws(() => createOf(42, of({ [field]: value })), words);
    }
  });

  it('names one network at most before 1.44', () => {
    const two = { NetworkingConfig: { EndpointsConfig: { a: null, b: null } } };
    assert.throws(() => createOf(43, two), /cannot be created with multiple network endpoints: a, b/);
    assert.equal(createOf(44, two).NetworkingConfig, two.NetworkingConfig);
  });
});
