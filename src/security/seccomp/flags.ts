/** SECCOMP_FILTER_FLAG_*: what the kernel is asked for together with the filter. */
import { EngineError } from '../../errors.ts';
import { kernelAtLeast, type SeccompContext } from './select.ts';
import type { SeccompFlag, SeccompProfile } from './types.ts';

/** Linux 4.17: do not switch speculative store bypass off for this process; the default of runc, and so of Docker. */
const FLAG_SPEC_ALLOW: SeccompFlag = 'SECCOMP_FILTER_FLAG_SPEC_ALLOW';
/** Linux 5.19: a call that a listener has read is not interrupted by other signals than SIGKILL. */
const FLAG_WAIT_KILLABLE_RECV: SeccompFlag = 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV';
const WAIT_KILLABLE_KERNEL = [5, 19] as const;

/** The container's first process has one thread when the filter is loaded, so TSYNC has nothing to do. */
const FLAG_BITS: Readonly<Record<SeccompFlag, bigint>> = {
  SECCOMP_FILTER_FLAG_TSYNC: 0n,
  SECCOMP_FILTER_FLAG_LOG: 1n << 1n,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 1n << 2n,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: 1n << 5n,
};

/** Linux 5.0: seccomp(2) returns the listener. */
const NEW_LISTENER = 1n << 3n;

/** For the document of features (features-linux.md): by name, and which of them this kernel has. */
export function seccompFlags(kernel: SeccompContext['kernel']): { known: string[]; supported: string[] } {
  const known = Object.keys(FLAG_BITS);
  const isNew = kernelAtLeast(kernel, WAIT_KILLABLE_KERNEL);
  return { known, supported: known.filter((flag) => isNew || flag !== FLAG_WAIT_KILLABLE_RECV) };
}

/** The bits for seccomp(2). Throws EngineError InvalidParameter for a flag that this kernel does not have. */
export function filterFlags(
  { flags = [FLAG_SPEC_ALLOW] }: SeccompProfile,
  hasListener: boolean,
  { kernel }: SeccompContext,
): { bits: bigint; warnings: string[] } {
  const warnings: string[] = [];
  let bits = hasListener ? NEW_LISTENER : 0n;
  for (const flag of flags) {
    if (flag === FLAG_WAIT_KILLABLE_RECV && !hasListener) {
      // The kernel refuses it without a listener.
      warnings.push(
        `seccomp profile: ${flag} has no effect, because no call is decided by a listener (SCMP_ACT_NOTIFY)`,
      );
      continue;
    }
    if (flag === FLAG_WAIT_KILLABLE_RECV && !kernelAtLeast(kernel, WAIT_KILLABLE_KERNEL)) {
      throw new EngineError(
        'InvalidParameter',
        `seccomp profile: ${flag} needs Linux ${WAIT_KILLABLE_KERNEL.join('.')}`,
        {
          code: 'ESECCOMPPROFILE',
          hint: `leave the flag out; this kernel is Linux ${kernel.join('.')}`,
        },
      );
    }
    bits |= FLAG_BITS[flag];
  }
  return { bits, warnings };
}
