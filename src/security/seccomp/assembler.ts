/**
 * Assembles a classic BPF program from its end to its start. Jumps only go forward, so every target's place is known when
 * the jump is written, and jump distances over the 8-bit limit are bridged on the spot.
 */
import { EngineError } from '../../errors.ts';
import { ALU_AND_K, encodeInstructions, type Instruction, JMP_JA, LD_W_ABS, MAX_INSTRUCTIONS, RET_K } from './bpf.ts';

/** A place in the program (counted from its end), or a return that is written where it is first needed. */
export type Target = { readonly at: number; readonly loads?: number | undefined } | { readonly returns: number };

/** jt and jf are 8 bits; one less is kept because bridging one branch pushes the other one an instruction away. */
const REACH = 254;

export class BackwardAssembler {
  /** last instruction first */
  readonly #code: Instruction[] = [];
  /** return value -> place of its nearest copy */
  readonly #returns = new Map<number, number>();

  get length(): number {
    return this.#code.length;
  }

  #push(code: number, k: number, jt = 0, jf = 0): number {
    if (this.#code.length >= MAX_INSTRUCTIONS) {
      throw new EngineError(
        'InvalidParameter',
        `the seccomp profile compiles to more than ${MAX_INSTRUCTIONS} instructions, the kernel's limit`,
        {
          hint: 'use fewer rules with argument comparisons',
        },
      );
    }
    this.#code.push({ code, jt, jf, k });
    return this.#code.length - 1;
  }

  /** The place of `target`, at most `reach` instructions after the next one to be written; a copy or a bridge if need be. */
  #near(target: Target, reach: number): number {
    const place = 'returns' in target ? this.#returns.get(target.returns) : target.at;
    if (place !== undefined && this.#code.length - place - 1 <= reach) return place;
    if ('returns' in target) {
      const copy = this.#push(RET_K, target.returns);
      this.#returns.set(target.returns, copy);
      return copy;
    }
    return this.#push(JMP_JA, this.#code.length - target.at - 1);
  }

  /** A conditional jump on A. */
  jump(code: number, k: number, whenTrue: Target, whenFalse: Target): Target {
    this.#near(whenTrue, REACH);
    const onFalse = this.#near(whenFalse, REACH);
    const onTrue = this.#near(whenTrue, REACH + 1);
    const here = this.#code.length;
    return { at: this.#push(code, k, here - onTrue - 1, here - onFalse - 1) };
  }

  /** A = word of seccomp_data at `offset`, then on to `next`. */
  load(offset: number, next: Target): Target {
    this.#near(next, 0);
    return { at: this.#push(LD_W_ABS, offset), loads: offset };
  }

  /** A &= mask, then on to `next`. */
  and(mask: number, next: Target): Target {
    this.#near(next, 0);
    return { at: this.#push(ALU_AND_K, mask) };
  }

  /** Where to enter `target` when A already holds the word at `offset`. */
  afterLoad(target: Target, offset: number): Target {
    return 'at' in target && target.loads === offset ? { at: target.at - 1 } : target;
  }

  /** The whole program, entered at `start`. */
  finish(start: Target): Uint8Array {
    this.#near(start, 0);
    return encodeInstructions(this.#code.toReversed());
  }
}
