import { EngineError } from '../errors.ts';

/**
 * The root file system of a container: chdir(cwd), then mount("overlay", target, "overlay", flags, options). The lower
 * directories in `options` are relative to `cwd`, so that 127 layers fit the kernel's one page of options.
 */
export interface OverlayMount {
  cwd: string;
  target: string;
  options: string;
}

/** mount(2) takes one page, with its NUL. */
const OPTIONS_MAX_BYTES = 4095;

/**
 * index, redirect_dir and metacopy are fixed rather than left to the kernel's build: an upper directory must stay
 * readable by itself (diff, commit), and a layer must not be able to redirect a directory (nofollow: EPERM).
 */
const FIXED_OPTIONS = 'index=off,redirect_dir=nofollow,metacopy=off';

/** overlayfs takes `\` as an escape and ends an option at `,`. */
function escapeOption(path: string): string {
  return path.replace(/[\\,]/g, (c) => `\\${c}`);
}

function checkLength(options: string, layers: number): void {
  if (Buffer.byteLength(options) <= OPTIONS_MAX_BYTES) return;
  throw new EngineError('InvalidParameter', `the image has ${layers} layers: more than one overlay mount takes`, {
    code: 'ETOOMANYLAYERS',
    hint: 'Squash the image, or use a data root with a shorter path.',
  });
}

/** All files in it have this SELinux context, whatever they have on disk; the mount's directories are not changed. */
export function withContext(mount: OverlayMount, context: string): OverlayMount {
  // In quotes, because a context has commas.
  const options = `${mount.options},context="${context}"`;
  checkLength(options, (/lowerdir=([^,]*)/.exec(options)?.[1] ?? '').split(':').length);
  return { ...mount, options };
}

/**
 * `lower`: relative to `cwd`, topmost first, without `:`, `,` or `\`. `upper`, `work` and `target` are absolute.
 * Throws InvalidParameter when the options do not fit.
 */
export function overlayMount(parts: {
  cwd: string;
  lower: string[];
  upper: string;
  work: string;
  target: string;
}): OverlayMount {
  const { cwd, lower, upper, work, target } = parts;
  const options = `lowerdir=${lower.join(':')},upperdir=${escapeOption(upper)},workdir=${escapeOption(work)},${FIXED_OPTIONS}`;
  checkLength(options, lower.length);
  return { cwd, target, options };
}
