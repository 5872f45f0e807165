import type { OpArgs, OpName, PlanOp, SectionName } from './table.ts';

/** One operation of a plan, its arguments checked against the table. */
export function op<N extends OpName>(section: SectionName, step: string, name: N, args: OpArgs<N>): PlanOp {
  return { op: name, section, step, args } as unknown as PlanOp;
}

const encoder = new TextEncoder();

export function text(value: string | number): Uint8Array {
  return encoder.encode(String(value));
}
