import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EngineError } from '../errors.ts';
import {
  capabilityMask,
  capabilityNames,
  DEFAULT_CAPABILITIES,
  formatMask,
  parseMask,
  resolveCapabilities,
} from './capabilities.ts';

const EVERYTHING = (1n << 41n) - 1n;
const resolve = (request: Partial<Parameters<typeof resolveCapabilities>[0]>) =>
  resolveCapabilities({ add: [], drop: [], privileged: false, bounding: EVERYTHING, ...request });

describe('capability names and bits', () => {
  it('gives the default set the mask that a Docker container shows as CapEff', () => {
    assert.equal(formatMask(capabilityMask(DEFAULT_CAPABILITIES)), '00000000a80425fb');
  });

  it("places names at the kernel's bits", () => {
    const bits = {
      CAP_CHOWN: 0,
      CAP_SETPCAP: 8,
      CAP_SYS_ADMIN: 21,
      CAP_MKNOD: 27,
      CAP_SETFCAP: 31,
      CAP_SYSLOG: 34,
      CAP_BPF: 39,
    };
    for (const [name, bit] of Object.entries(bits)) assert.equal(capabilityMask([name]), 1n << BigInt(bit), name);
    assert.equal(capabilityMask(['CAP_CHECKPOINT_RESTORE']), 1n << 40n);
  });

  it('names every bit of a mask, also one that is newer than itself', () => {
    assert.deepEqual(capabilityNames(0x3n), ['CAP_CHOWN', 'CAP_DAC_OVERRIDE']);
    assert.deepEqual(capabilityNames(1n << 50n), ['CAP_50']);
    assert.deepEqual(capabilityNames(0n), []);
    assert.equal(capabilityMask(capabilityNames(EVERYTHING)), EVERYTHING);
  });

  it('reads masks back from the text of /proc/PID/status', () => {
    assert.equal(parseMask('000001ffffffffff'), EVERYTHING);
    assert.equal(parseMask('none'), null);
  });
});

describe('resolveCapabilities', () => {
  it('gives the default set when nothing is asked for', () => {
    const { names, mask, warnings } = resolve({});
    assert.deepEqual(names, DEFAULT_CAPABILITIES);
    assert.equal(formatMask(mask), '00000000a80425fb');
    assert.deepEqual(warnings, []);
  });

  it('takes names in any case, with and without the prefix, and repeats nothing', () => {
    const { names } = resolve({ add: ['net_admin', 'CAP_NET_ADMIN', 'chown'], drop: ['cap_kill', 'Mknod'] });
    assert.deepEqual(
      names,
      [...DEFAULT_CAPABILITIES, 'CAP_NET_ADMIN'].filter((name) => name !== 'CAP_KILL' && name !== 'CAP_MKNOD'),
    );
  });

  it('lets an added capability win over the same one dropped, as Docker does', () => {
    assert.ok(resolve({ add: ['KILL'], drop: ['KILL'] }).names.includes('CAP_KILL'));
  });

  it('drops everything but what is added with drop ALL', () => {
    assert.deepEqual(resolve({ drop: ['all'] }).names, []);
    assert.deepEqual(resolve({ drop: ['ALL'], add: ['NET_BIND_SERVICE'] }).names, ['CAP_NET_BIND_SERVICE']);
  });

  it('gives everything but what is dropped with add ALL', () => {
    assert.equal(resolve({ add: ['ALL'] }).mask, EVERYTHING);
    assert.equal(resolve({ add: ['ALL'], drop: ['SYS_ADMIN'] }).mask, EVERYTHING & ~(1n << 21n));
    assert.equal(resolve({ add: ['ALL'], drop: ['ALL'] }).mask, EVERYTHING);
  });

  it('gives a privileged container everything, whatever is dropped', () => {
    assert.equal(resolve({ privileged: true, drop: ['ALL'] }).mask, EVERYTHING);
  });

  it("refuses an unknown name in Docker's words", () => {
    const thrown = (field: 'add' | 'drop') => () => resolve({ [field]: ['frobnicate'] });
    const matches = (message: string) => (error: unknown) =>
      error instanceof EngineError && error.kind === 'InvalidParameter' && error.message === message;
    assert.throws(thrown('add'), matches('invalid CapAdd: unknown capability: "CAP_FROBNICATE"'));
    assert.throws(thrown('drop'), matches('invalid CapDrop: unknown capability: "CAP_FROBNICATE"'));
  });

  it('refuses a capability that is added by name and that the engine does not have', () => {
    const bounding = EVERYTHING & ~(1n << 24n);
    assert.throws(() => resolve({ add: ['SYS_RESOURCE'], bounding }), {
      message:
        'invalid CapAdd: capability not supported by your kernel or not available in the current environment: "CAP_SYS_RESOURCE"',
    });
    assert.deepEqual(resolve({ drop: ['SYS_RESOURCE'], bounding }).warnings, []);
  });

  it('stays inside the bounding set and names what is missing', () => {
    const bounding = EVERYTHING & ~(1n << 24n);
    const { mask, warnings } = resolve({ privileged: true, bounding });
    assert.equal(mask, bounding);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /^CAP_SYS_RESOURCE is not given/);
    assert.match(resolve({ bounding: EVERYTHING & ~1n }).warnings.join(), /CAP_CHOWN/);
  });
});
