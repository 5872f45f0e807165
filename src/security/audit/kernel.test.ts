import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { audit } from './index.ts';
import { type Changes, plain } from './testdata/containers.ts';

const cves = (kernel: string, changes: Changes = {}): string[] =>
  audit(plain({ ...changes, host: { kernel } }))
    .filter(({ id }) => id === 'kernel-older-than-fix')
    .map(({ reference }) => reference);

const UNCONFINED: Changes = { seccomp: { kind: 'unconfined' } };

describe('the age of the kernel', () => {
  it('is nothing to tell with every fix', () => {
    assert.deepEqual(cves('6.18.1', UNCONFINED), []);
    assert.deepEqual(cves('6.8.0-generic', UNCONFINED), []);
    assert.deepEqual(cves('not a version', UNCONFINED), []);
  });

  it('is told where any container reaches the flaw', () => {
    assert.deepEqual(cves('5.10.101'), ['CVE-2022-0847']);
    assert.deepEqual(cves('5.10.102'), []);
    assert.deepEqual(cves('5.7.0'), ['CVE-2020-14386'], 'Dirty Pipe came with 5.8');
    assert.deepEqual(cves('4.4.0-31-generic'), ['CVE-2016-5195']);
  });

  it('is told of each long-term branch by its own fix', () => {
    assert.deepEqual(cves('5.15.24'), ['CVE-2022-0847']);
    assert.deepEqual(cves('5.15.25'), []);
    assert.deepEqual(cves('5.14.21'), ['CVE-2022-0847'], 'a branch that ended before the fix never got it');
    assert.deepEqual(cves('4.19.149'), ['CVE-2020-14386']);
    assert.deepEqual(cves('4.19.150'), []);
  });

  it('counts what needs a namespace of its own only where one can be made', () => {
    assert.deepEqual(cves('6.6.14'), []);
    assert.deepEqual(cves('6.6.14', UNCONFINED), ['CVE-2024-1086']);
    assert.deepEqual(cves('6.6.14', { capabilities: ['CAP_NET_ADMIN'] }), ['CVE-2024-1086']);
    assert.deepEqual(cves('6.6.15', UNCONFINED), []);
    assert.deepEqual(cves('5.10.92', { capabilities: ['CAP_SYS_ADMIN'] }).sort(), [
      'CVE-2022-0185',
      'CVE-2022-0492',
      'CVE-2022-0847',
      'CVE-2024-1086',
    ]);
    assert.ok(cves('5.10.30', UNCONFINED).includes('CVE-2021-22555'));
    assert.ok(!cves('5.10.31', UNCONFINED).includes('CVE-2021-22555'));
  });

  it('is of the host, so that nobody is warned of what a request cannot mend', () => {
    const finding = audit(plain({ host: { kernel: '5.10.101' } })).find(({ id }) => id === 'kernel-older-than-fix');
    assert.equal(finding?.origin, 'host');
  });

  it('is not told of a container without what the flaw needs', () => {
    assert.deepEqual(cves('5.4.63', { process: { capabilities: { bounding: [] } } }), []);
  });
});
