import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Mount, RLIMIT_UNLIMITED, type Spec } from '../runtime-spec.ts';
import { type BundleConfig, bundleConfig, type BundleParts, bundleText } from './bundle.ts';
import { DEFAULT_DEVICES } from './devices.ts';

const SPEC: Spec = {
  ociVersion: '1.2.1',
  hostname: 'c1',
  root: { path: 'rootfs', readonly: true },
  process: { user: { uid: 0, gid: 0 }, args: ['sh', '-c', 'true'], env: ['A=b'], cwd: '/' },
  linux: {
    namespaces: [{ type: 'pid' }, { type: 'network' }],
    devices: [...DEFAULT_DEVICES, { path: '/dev/x', hostPath: '/dev/y', type: 'c', major: 10, minor: 1 }],
    sysctl: { 'net.ipv4.ip_forward': '1' },
  },
};

function make(change: Partial<Spec> = {}, parts: Partial<BundleParts> = {}): BundleConfig {
  return bundleConfig(
    { ...SPEC, ...change },
    {
      rootDirectory: '/c/merged',
      mounts: [],
      networkNamespace: '/c/netns',
      seccomp: null,
      initProgram: null,
      ...parts,
    },
  );
}

describe('a bundle for another runtime', () => {
  it('says where the root is and which version the oldest of them takes', () => {
    const config = make();
    assert.deepEqual(config.root, { path: '/c/merged', readonly: true });
    assert.equal(config.ociVersion, '1.0.2');
    assert.equal(config.hostname, 'c1');
    assert.deepEqual(config.process, SPEC.process);
  });

  it('names the network namespace that isle has made, and leaves the others to the runtime', () => {
    assert.deepEqual(make().linux.namespaces, [{ type: 'pid' }, { type: 'network', path: '/c/netns' }]);
    assert.deepEqual(make({}, { networkNamespace: null }).linux.namespaces, SPEC.linux?.namespaces);
  });

  it("lists only the devices that no runtime makes by itself, without isle's own words", () => {
    assert.deepEqual(make().linux.devices, [{ path: '/dev/x', type: 'c', major: 10, minor: 1 }]);
  });

  it('sets the domain name by sysctl', () => {
    const config = make({ domainname: 'example.org' });
    assert.deepEqual(config.linux.sysctl, { 'kernel.domainname': 'example.org', 'net.ipv4.ip_forward': '1' });
    assert.ok(!('domainname' in config));
  });

  it('mounts the init process and starts the program by it', () => {
    const config = make({}, { initProgram: '/opt/islet' });
    assert.deepEqual(config.process?.args, ['/sbin/docker-init', '--', 'sh', '-c', 'true']);
    const init = config.mounts?.find(({ destination }) => destination === '/sbin/docker-init');
    assert.equal(init?.source, '/opt/islet');
    assert.ok(init?.options?.includes('ro'));
  });

  it('gives a terminal the size that was asked for before the start', () => {
    const consoleSize = { rows: 7, cols: 50 };
    const process = { ...SPEC.process, terminal: true } as Spec['process'] & object;
    assert.deepEqual(make({ process }, { consoleSize }).process?.consoleSize, { height: 7, width: 50 });
    assert.equal(make({}, { consoleSize }).process?.consoleSize, undefined);
  });

  it('keeps the mount table connected where a mount is shared with the host', () => {
    const bind = (...options: string[]): Mount => ({ destination: '/d', type: 'bind', source: '/s', options });
    assert.equal(make({}, { mounts: [bind('rbind', 'rshared')] }).linux.rootfsPropagation, 'rshared');
    assert.equal(make({}, { mounts: [bind('rbind', 'rslave')] }).linux.rootfsPropagation, 'rslave');
    assert.equal(make({}, { mounts: [bind('rbind', 'rprivate')] }).linux.rootfsPropagation, undefined);
  });

  it('writes numbers of 64 bits with all their digits', () => {
    const limit = { type: 'RLIMIT_NOFILE', soft: 1024, hard: RLIMIT_UNLIMITED };
    const process = { ...SPEC.process, rlimits: [limit] } as Spec['process'] & object;
    const args = [{ index: 0, value: 2n ** 64n - 2n, valueTwo: 0n, op: 'SCMP_CMP_EQ' }] as const;
    const text = bundleText(
      make(
        { process },
        {
          seccomp: {
            defaultAction: 'SCMP_ACT_ALLOW',
            architectures: ['SCMP_ARCH_X86_64'],
            syscalls: [{ names: ['kill'], action: 'SCMP_ACT_ERRNO', args }],
          },
        },
      ),
    );
    assert.match(text, /"hard":18446744073709551615}/);
    assert.match(text, /"value":18446744073709551614,/);
    assert.match(text, /"soft":1024,/);
  });
});
