import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TABLE_HASH } from '../src/runtime/encode.ts';
import { OPCODES } from '../src/runtime/plan/table.ts';
import { renderHeader, snakeCase } from './generate-plan.ts';

describe('the generated header', () => {
  const header = renderHeader();

  it('carries the hash, and every opcode with its number', () => {
    assert(header.includes(`#define PLAN_TABLE_HASH 0x${TABLE_HASH.toString(16).padStart(8, '0')}u`));
    for (const [name, number] of OPCODES) assert(header.includes(`  OP_${snakeCase(name).toUpperCase()} = ${number},`));
  });

  it('has a struct and a decoder for each operation, with the fields in order', () => {
    assert(header.includes('struct op_mkdir {\n  const char *path;\n  uint32_t mode;\n};'));
    assert(
      header.includes('return plan_read_str(in, &op->path) && plan_read_u32(in, &op->mode) && plan_read_end(in);'),
    );
    assert(header.includes('struct op_pivot {\n  char nothing;\n};'));
    for (const name of OPCODES.keys()) assert(header.includes(`decode_${snakeCase(name)}(struct plan_reader *in,`));
  });

  it('turns camel case into the names of C', () => {
    assert.equal(snakeCase('mountFs'), 'mount_fs');
    assert.equal(snakeCase('oomScoreAdj'), 'oom_score_adj');
  });
});
