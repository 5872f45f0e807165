/** Seccomp: profiles as Docker writes them, compiled to the kernel's filters, and an interpreter that proves them. */
export { compileSeccomp, type SeccompContext } from './compile.ts';
export { capabilityFor, DEFAULT_PROFILE } from './default-profile.ts';
export { seccompFlags } from './flags.ts';
export { loadFilter, runFilter, type SeccompData, type Verdict } from './interpreter.ts';
export { type OciSeccomp, ociSeccomp } from './oci-form.ts';
export { parseProfile } from './parse.ts';
export { AUDIT_ARCH_X86_64, SYSCALLS } from './syscalls.ts';
export type { SeccompListener, SeccompProfile, SeccompProgram } from './types.ts';
