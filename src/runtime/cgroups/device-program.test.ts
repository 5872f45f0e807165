import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceRule } from '../../oci/runtime-spec.ts';
import { ALL_DEVICES, DEFAULT_DEVICE_RULES } from '../../oci/spec/devices.ts';
import { BPF, BPF_INSTRUCTION_BYTES, DEVICE_ACCESS, DEVICE_TYPE, deviceProgram, encodeBpf } from './device-program.ts';

interface Request {
  type: 'b' | 'c';
  major: number;
  minor: number;
  access: string;
}

/** Runs the encoded program as the kernel's interpreter would; every register is 64 bits, unset ones may not be read. */
function run(bytes: Uint8Array, { type, major, minor, access }: Request): bigint {
  const code = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const context = new DataView(new ArrayBuffer(12));
  const bits = Array.from(access).reduce((sum, letter) => sum | (DEVICE_ACCESS[letter] ?? 0), 0);
  context.setUint32(0, (bits << 16) | DEVICE_TYPE[type], true);
  context.setUint32(4, major, true);
  context.setUint32(8, minor, true);
  const registers: (bigint | undefined)[] = [undefined, 0n];
  const get = (index: number): bigint => {
    const value = registers[index];
    assert.notEqual(value, undefined, `register ${index} is read before it is set`);
    return value ?? 0n;
  };
  for (let pc = 0; ; pc++) {
    assert.ok(pc * BPF_INSTRUCTION_BYTES < bytes.length, 'the program ran past its end');
    const at = pc * BPF_INSTRUCTION_BYTES;
    const [to, from] = [code.getUint8(at + 1) & 15, code.getUint8(at + 1) >> 4];
    const offset = code.getInt16(at + 2, true);
    const immediate = BigInt.asUintN(64, BigInt(code.getInt32(at + 4, true)));
    switch (code.getUint8(at)) {
      case BPF.loadWord:
        assert.equal(from, 1, 'only the context is read');
        registers[to] = BigInt(context.getUint32(offset, true));
        break;
      case BPF.moveImmediate:
        registers[to] = immediate;
        break;
      case BPF.moveRegister:
        registers[to] = get(from);
        break;
      case BPF.andImmediate:
        registers[to] = get(to) & immediate;
        break;
      case BPF.andRegister:
        registers[to] = get(to) & get(from);
        break;
      case BPF.orImmediate:
        registers[to] = get(to) | immediate;
        break;
      case BPF.shiftRightImmediate:
        registers[to] = get(to) >> immediate;
        break;
      case BPF.jumpIfEqualRegister:
        if (get(to) === get(from)) pc += offset;
        break;
      case BPF.jumpUnlessEqualImmediate:
        if (get(to) !== immediate) pc += offset;
        break;
      case BPF.exit:
        return get(0);
      default:
        assert.fail(`unknown instruction ${code.getUint8(at)}`);
    }
  }
}

/** `c 1:3 rw` */
function ask(rules: readonly DeviceRule[], text: string): boolean {
  const [, type, major, minor, access = ''] = /^([bc]) (\d+):(\d+) ([rwm]+)$/.exec(text) ?? [];
  const program = deviceProgram(rules);
  if (program === null) return true;
  const request = { type: type as 'b' | 'c', major: Number(major), minor: Number(minor), access };
  const result = run(encodeBpf(program), request);
  assert.ok(result === 0n || result === 1n, `the verifier allows 0 and 1 to be returned, not ${result}`);
  return result === 1n;
}

describe('the device program', () => {
  it('allows the default devices, making any node, and nothing else', () => {
    for (const text of ['c 1:3 rwm', 'c 1:3 r', 'c 136:7 rw', 'c 5:2 rw', 'b 8:0 m', 'c 10:229 m']) {
      assert.equal(ask(DEFAULT_DEVICE_RULES, text), true, text);
    }
    for (const text of ['b 8:0 r', 'b 8:0 rm', 'c 10:229 rw', 'c 1:1 r', 'b 1:3 r', 'c 4:64 w']) {
      assert.equal(ask(DEFAULT_DEVICE_RULES, text), false, text);
    }
  });

  it('is not needed where everything is allowed', () => {
    assert.equal(deviceProgram(ALL_DEVICES), null);
    assert.equal(deviceProgram([]), null);
    assert.equal(deviceProgram([{ allow: false }, { allow: true }]), null);
  });

  it('adds the access of several rules up', () => {
    const rules: DeviceRule[] = [
      { allow: false },
      { allow: true, type: 'c', major: 1, minor: 3, access: 'r' },
      { allow: true, type: 'c', major: 1, minor: 3, access: 'w' },
    ];
    assert.equal(ask(rules, 'c 1:3 rw'), true);
    assert.equal(ask(rules, 'c 1:3 rwm'), false);
  });

  it('lets later rules win, also over a part of earlier ones', () => {
    const rules: DeviceRule[] = [
      { allow: false },
      { allow: true, type: 'c', major: 1 },
      { allow: false, type: 'c', major: 1, minor: 5, access: 'w' },
    ];
    assert.equal(ask(rules, 'c 1:5 r'), true);
    assert.equal(ask(rules, 'c 1:5 w'), false);
    assert.equal(ask(rules, 'c 1:3 w'), true);
  });

  it('takes exceptions out of "allow all"', () => {
    const rules: DeviceRule[] = [{ allow: true }, { allow: false, type: 'b', access: 'w' }];
    assert.equal(ask(rules, 'b 8:0 w'), false);
    assert.equal(ask(rules, 'b 8:0 r'), true);
    assert.equal(ask(rules, 'c 8:0 w'), true);
  });

  it('reads -1 as every number, and a rule for both types as two', () => {
    const rules: DeviceRule[] = [{ allow: false }, { allow: true, type: 'a', major: 7, minor: -1, access: 'r' }];
    assert.equal(ask(rules, 'b 7:9 r'), true);
    assert.equal(ask(rules, 'c 7:9 r'), true);
    assert.equal(ask(rules, 'b 8:9 r'), false);
  });

  it('refuses rules that make no sense', () => {
    for (const rule of [{ access: 'x' }, { access: '' }, { major: 1.5 }, { minor: -2 }]) {
      assert.throws(() => deviceProgram([{ allow: true, type: 'c', ...rule }]), /invalid device rule/);
    }
  });
});
