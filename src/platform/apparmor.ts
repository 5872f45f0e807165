/** AppArmor on this host: is it on, which profiles does the kernel have, and how one is loaded. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { securityModules } from './security-modules.ts';

const PROFILES = '/sys/kernel/security/apparmor/profiles';
/** Where distributions install it; PATH of a service need not have these. */
const PARSERS = ['/sbin/apparmor_parser', '/usr/sbin/apparmor_parser', '/usr/local/sbin/apparmor_parser'];

export function hasAppArmor(): boolean {
  return securityModules().includes('apparmor');
}

/** The file, relative to /proc/PID, that takes the profile of the next program. AppArmor has its own since Linux 5.8. */
export function appArmorExecFile(): string {
  return existsSync('/proc/self/attr/apparmor/exec') ? 'attr/apparmor/exec' : 'attr/exec';
}

/** What AppArmor calls this process, without the mode behind it: "unconfined", "/usr/bin/x". */
export function ownAppArmorLabel(): string {
  const file = appArmorExecFile().replace(/exec$/, 'current');
  const text = readFileSync(`/proc/self/${file}`, 'utf8');
  return text
    .replace(/\0$/, '')
    .trim()
    .replace(/ \(\w+\)$/, '');
}

/** Has the kernel a profile of this name? false where that cannot be read (securityfs is not mounted). */
export function isProfileLoaded(name: string): boolean {
  try {
    return readFileSync(PROFILES, 'utf8')
      .split('\n')
      .some((line) => line.replace(/ \([\w-]+\)$/, '') === name);
  } catch {
    return false;
  }
}

/**
 * Compiles a policy text and puts it into the kernel, in the place of profiles of the same names. It takes a program of the
 * distribution and some 100 ms. Rejects with an Error whose message says why, for a log.
 */
export async function loadProfiles(text: string): Promise<void> {
  const parser = PARSERS.find((path) => existsSync(path));
  if (parser === undefined) {
    throw new Error('there is no apparmor_parser, which compiles profiles: install the package apparmor');
  }
  // No cache: the text comes from nowhere that one could be kept for.
  const child = spawn(parser, ['--skip-cache', '--replace'], { stdio: ['pipe', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    said = (said + chunk).slice(-2000);
  });
  // A parser that ends early tells why on its standard error; the broken pipe would only hide it.
  child.stdin.on('error', () => undefined);
  child.stdin.end(text);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`${parser} failed (exit code ${code}): ${said.trim()}`);
}
