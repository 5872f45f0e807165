/** isle-runtime audit: what a bundle opens, by the names of config.json's own fields. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { AuditReport } from '../../src/api/types/audit.ts';
import { DEFAULT_MASKED_PATHS, DEFAULT_READONLY_PATHS } from '../../src/oci/spec/paths.ts';
import { Box, type Config } from './box.ts';
import { ISLE_RUNTIME } from './runtimes.ts';

const DEFAULT_ACTION = { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [] };

/** A bundle in which there is nothing to be found. */
function tight(config: Config): void {
  Object.assign(config['root'] as object, { readonly: true });
  Object.assign(config.process, { user: { uid: 1000, gid: 1000 }, capabilities: {}, noNewPrivileges: true });
  Object.assign(config.linux, {
    namespaces: ['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup', 'user'].map((type) => ({ type })),
    uidMappings: [{ containerID: 0, hostID: 100_000, size: 65_536 }],
    gidMappings: [{ containerID: 0, hostID: 100_000, size: 65_536 }],
    maskedPaths: DEFAULT_MASKED_PATHS,
    readonlyPaths: DEFAULT_READONLY_PATHS,
    seccomp: DEFAULT_ACTION,
    resources: { devices: [{ allow: false, access: 'rwm' }], memory: { limit: 1 << 28 }, pids: { limit: 100 } },
  });
}

const bind = (source: string, destination: string, ...options: string[]) => ({
  destination,
  type: 'bind',
  source,
  options: ['rbind', ...options],
});
const namespaces = (config: Config) => config.linux['namespaces'] as { type: string; path?: string }[];
const without = (config: Config, type: string) => {
  config.linux['namespaces'] = namespaces(config).filter((one) => one.type !== type);
};

type Change = [change: (config: Config) => void, id: string, severity: string, what: RegExp];

/** A change of the tight bundle, and the finding that it makes. */
const CHANGES: readonly Change[] = [
  [(config) => config.mounts.push(bind('/var/run/docker.sock', '/s')), 'engine-socket', 'critical', /^mounts: /],
  [(config) => config.mounts.push(bind('/etc', '/host')), 'host-path-writable', 'critical', /^mounts: \/etc on \/host/],
  [(config) => config.mounts.push(bind('/etc', '/host', 'ro')), 'host-path-readable', 'medium', /read-only$/],
  [
    (config) => config.mounts.push(bind('../../../etc', '/host')),
    'host-path-writable',
    'critical',
    /^mounts: \/etc on/,
  ],
  [
    (config) => Object.assign(config['root'] as object, { path: '/usr', readonly: false }),
    'host-path-writable',
    'critical',
    /\/usr on \//,
  ],
  [(config) => (config.linux['rootfsPropagation'] = 'rshared'), 'shared-propagation', 'low', /mounts: .* on \//],
  [(config) => without(config, 'pid'), 'host-pid', 'high', /^no pid namespace/],
  [
    (config) => ((namespaces(config)[1] as { path?: string }).path = '/proc/1/ns/net'),
    'host-network',
    'high',
    /^(?:no network namespace|linux\.namespaces: \/proc\/1\/ns\/net)/,
  ],
  [
    (config) => ((namespaces(config)[1] as { path?: string }).path = `/proc/${process.pid}/ns/net`),
    'host-network',
    'high',
    /network/,
  ],
  [
    (config) => ((namespaces(config)[2] as { path?: string }).path = '/run/nosuch'),
    'joined-namespace',
    'low',
    /^linux\.namespaces: \/run\/nosuch$/,
  ],
  [
    (config) => {
      config.process['capabilities'] = { bounding: ['CAP_NET_ADMIN'] };
      config.process['user'] = { uid: 0, gid: 0 };
    },
    'cap-net-admin',
    'low',
    /^capability CAP_NET_ADMIN$/,
  ],
  [(config) => config.mounts.push(bind('/dev', '/host')), 'host-path-writable', 'high', /^mounts: \/dev on/],
  [(config) => without(config, 'user'), 'no-user-namespace', 'info', /no user namespace/],
  [
    (config) => (config.linux['uidMappings'] = [{ containerID: 0, hostID: 0, size: 1 }]),
    'maps-host-root',
    'medium',
    /^linux\.uidMappings: 0 inside/,
  ],
  [(config) => delete config.linux['seccomp'], 'seccomp-unconfined', 'high', /^linux\.seccomp is not set$/],
  [
    (config) => (config.linux['seccomp'] = { defaultAction: 'SCMP_ACT_ALLOW' }),
    'seccomp-custom-wider',
    'high',
    /^seccomp profile/,
  ],
  [(config) => (config.linux['readonlyPaths'] = []), 'kernel-files-writable', 'medium', /^linux\.readonlyPaths lacks/],
  [(config) => (config.linux['maskedPaths'] = []), 'kernel-files-visible', 'medium', /^linux\.maskedPaths lacks/],
  [
    (config) => (config.linux['devices'] = [{ path: '/dev/sda', type: 'b', major: 8, minor: 0 }]),
    'host-device',
    'critical',
    /^linux\.devices/,
  ],
  [
    (config) =>
      (config.linux['resources'] as { devices: object[] }).devices.push({ allow: true, type: 'b', access: 'rwm' }),
    'device-rules',
    'medium',
    /^device rules: b/,
  ],
  [(config) => (config.process['env'] = ['DB_PASSWORD=x']), 'secret-in-env', 'medium', /^process\.env: DB_PASSWORD$/],
  [
    (config) => (config.process['noNewPrivileges'] = false),
    'no-new-privileges-unset',
    'low',
    /^process\.noNewPrivileges/,
  ],
  [
    (config) => delete (config.linux['resources'] as Record<string, unknown>)['memory'],
    'no-memory-limit',
    'low',
    /^linux\.resources\.memory/,
  ],
  [
    (config) => delete (config.linux['resources'] as Record<string, unknown>)['pids'],
    'no-pids-limit',
    'low',
    /^linux\.resources\.pids/,
  ],
  [(config) => delete (config['root'] as { readonly?: boolean }).readonly, 'writable-root', 'info', /^root\.readonly/],
  [
    (config) => {
      config.mounts.push(bind('/srv/hooks', '/hooks'));
      config['hooks'] = { poststop: [{ path: '/srv/hooks/end' }] };
    },
    'hook-in-container',
    'critical',
    /^hooks\.poststop\[0\]\.path: \/srv\/hooks\/end, writable inside at \/hooks$/,
  ],
  ...['/', '/srv/hooks/', '/srv/hooks/end'].map(
    (source): Change => [
      (config) => {
        config.mounts.push(bind(source, '/from-host'));
        config['hooks'] = { poststop: [{ path: '/srv/hooks/end' }] };
      },
      'hook-in-container',
      'critical',
      /writable inside at \/from-host$/,
    ],
  ),
];

describe('isle-runtime: audit', () => {
  let box: Box;
  before(async () => void (box = await Box.make(ISLE_RUNTIME)));
  after(async () => box[Symbol.asyncDispose]());

  const reportOf = async (change: (config: Config) => void): Promise<AuditReport> => {
    const { path } = box.bundle((config) => {
      tight(config);
      change(config);
    });
    return JSON.parse(await box.ok('audit', '--json', path)) as AuditReport;
  };
  const idsOf = ({ findings }: AuditReport) =>
    new Set(findings.filter(({ origin }) => origin !== 'host').map(({ id }) => id));

  it('finds nothing in a bundle that opens nothing', async () => {
    const report = await reportOf(() => undefined);
    assert.deepEqual([...idsOf(report)], []);
    assert.equal(report.subject.kind, 'bundle');
  });

  it(`finds each of ${CHANGES.length} openings, by the name of the field in config.json`, async () => {
    for (const [change, id, severity, what] of CHANGES) {
      const { findings } = await reportOf(change);
      const found = findings.find((finding) => finding.id === id);
      assert.equal(found?.severity, severity, `${id}: ${JSON.stringify(findings)}`);
      assert.match(found?.what ?? '', what);
      for (const finding of findings) {
        assert.doesNotMatch(`${finding.what} ${finding.fix}`, /HostConfig|Config\.|--\w/, finding.id);
      }
    }
  });

  it('is a page for people, and with --fail-on an exit status for scripts', async () => {
    const { path } = box.bundle((config) => {
      tight(config);
      delete config.linux['seccomp'];
    });
    const page = await box.call(['audit', '--fail-on', 'high', path]);
    assert.equal(page.code, 1);
    assert.match(page.stdout, new RegExp(`^${path} .*\\n✗ 1 high`));
    assert.match(page.stdout, /1\. high {2}Every system call is open {2}seccomp-unconfined/);
    assert.equal((await box.call(['audit', '--fail-on', 'critical', '--bundle', path])).code, 0);
    const filtered = JSON.parse(await box.ok('audit', '--json', '--min-severity', 'critical', path)) as AuditReport;
    assert.deepEqual([filtered.findings, filtered.counts.high], [[], 1]);
  });

  it('refuses what is no bundle, and no severity', async () => {
    const { path } = box.bundle();
    const nothing = await box.call(['audit', join(box.directory, 'nosuch')]);
    assert.equal(nothing.code, 1);
    assert.match(nothing.stderr, /nosuch/);
    const severity = await box.call(['audit', '--fail-on', 'worst', path]);
    assert.equal(severity.code, 1);
    assert.match(severity.stderr, /--fail-on: "worst" is no severity/);
    writeFileSync(join(path, 'config.json'), '{"ociVersion": "1.0.0"}');
    const shapeless = await box.call(['audit', path]);
    assert.equal(shapeless.code, 1);
    assert.match(shapeless.stderr, /config\.json: root: is missing/);
  });
});
