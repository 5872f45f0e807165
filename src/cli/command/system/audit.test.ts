import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TestApi } from '../../../../test/fixtures/api-server.ts';
import type { AuditFinding, AuditReport } from '../../../api/types/audit.ts';
import { isle } from '../../testing/capture.ts';

const PRIVILEGED: AuditFinding = {
  id: 'privileged',
  title: 'Privileged: no fence is left but the namespaces',
  severity: 'critical',
  what: 'HostConfig.Privileged = true',
  attack: "Makes the host's disk as a device node and mounts it.",
  fix: 'Name what the program needs.',
  reference: 'capabilities(7)',
  origin: 'asked',
};
const NO_LIMIT: AuditFinding = {
  ...PRIVILEGED,
  id: 'no-memory-limit',
  title: 'Memory is not limited',
  severity: 'low',
};

async function withFindings(
  findings: AuditFinding[],
  test: (host: string, api: TestApi) => Promise<void>,
): Promise<void> {
  await using api = await TestApi.start();
  api.backend.add('web');
  api.backend.findings = findings;
  await test(`unix://${api.socketPath}`, api);
}

describe('isle audit', () => {
  it('prints the counts, then each finding with its attack and the narrower setting', async () => {
    await withFindings([PRIVILEGED, NO_LIMIT], async (host) => {
      const { code, stdout } = await isle(host, ['audit', 'web']);
      assert.equal(code, 0);
      assert.match(
        stdout,
        /^web {2}container · 0{11}.* · hello · kernel 6\.18\.0, no AppArmor or SELinux\n✗ 1 critical, 1 low\n/,
      );
      assert.match(
        stdout,
        /\n\n1\. critical {2}Privileged: no fence.* {2}privileged\n {4}HostConfig\.Privileged = true\n {4}attack {3}Makes .*\n {4}instead {2}Name .*\n {4}see {6}capabilities/,
      );
      assert.match(stdout, /\n2\. low {2}Memory is not limited/);
    });
  });

  it('says so when there is nothing', async () => {
    await withFindings([], async (host) => {
      assert.match((await isle(host, ['audit', 'web'])).stdout, /\n✓ Nothing was found\.\n$/);
    });
  });

  it('shows only what is severe enough, and how much it leaves out', async () => {
    await withFindings([PRIVILEGED, NO_LIMIT], async (host) => {
      const { stdout } = await isle(host, ['audit', '--min-severity', 'high', 'web']);
      assert.doesNotMatch(stdout, /Memory is not limited/);
      assert.match(stdout, /1 more finding is below what --min-severity shows/);
      const json = JSON.parse(
        (await isle(host, ['audit', '--json', '--min-severity=high', 'web'])).stdout,
      ) as AuditReport;
      assert.deepEqual(json.findings, [PRIVILEGED]);
      assert.equal(json.counts.low, 1);
    });
  });

  it('exits with 1 when a finding is as severe as --fail-on, shown or not', async () => {
    await withFindings([NO_LIMIT], async (host) => {
      assert.equal((await isle(host, ['audit', '--fail-on', 'high', 'web'])).code, 0);
      assert.equal((await isle(host, ['audit', '--fail-on', 'low', 'web'])).code, 1);
      assert.equal((await isle(host, ['audit', '--fail-on', 'low', '--min-severity', 'high', 'web'])).code, 1);
    });
  });

  it('audits the body of a create from standard input', async () => {
    await withFindings([PRIVILEGED], async (host, api) => {
      const body = { Image: 'hello', HostConfig: { Privileged: true } };
      const { code, stdout } = await isle(host, ['audit', '--request', '-'], JSON.stringify(body));
      assert.equal(code, 0);
      assert.match(stdout, /^a container that is not created yet {2}hello/);
      assert.deepEqual(api.backend.last('auditRequest'), [body]);
    });
  });

  it('refuses what it cannot understand', async () => {
    const nowhere = 'unix:///nonexistent/isle.sock';
    const level = await isle(nowhere, ['audit', '--fail-on', 'bad', 'web']);
    assert.equal(level.code, 125);
    assert.match(level.stderr, /"--fail-on" flag: must be one of critical, high, medium, low, info, off/);
    assert.match((await isle(nowhere, ['audit'])).stderr, /give a container, or --request/);
    assert.match((await isle(nowhere, ['audit', '--request', 'f', 'web'])).stderr, /give a container, or --request/);
    assert.match(
      (await isle(nowhere, ['audit', '--request', '/nonexistent'])).stderr,
      /open \/nonexistent: no such file/,
    );
    assert.match((await isle(nowhere, ['audit', '--request', '-'], '{')).stderr, /- is not the JSON body of a create/);
  });
});
