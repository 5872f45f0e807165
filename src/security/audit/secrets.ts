/** Environment variables whose names say that their value is a secret. */
import type { Rule } from './types.ts';

const SECRET_WORDS = new Set(
  'PASSWORD PASSWORDS PASSWD PASSPHRASE SECRET SECRETS TOKEN CREDENTIAL CREDENTIALS APIKEY'.split(' '),
);
/** Too common as words to mean a secret elsewhere than at the end. */
const SECRET_ENDINGS = new Set(['PASS', 'PWD']);
/** A KEY with one of these in front is public, or names a keyboard's key. */
const PUBLIC_KEYS = new Set('PUBLIC PUB GPG HOST PRIMARY FOREIGN SORT CACHE PARTITION'.split(' '));
/** These tell where the secret is, or something about it. */
const NOT_THE_VALUE = new Set('FILE PATH DIR URL URI NAME ID TYPE EXPIRY TTL LENGTH USERNAME'.split(' '));

/** Does a variable of this name usually hold a secret? */
export function isSecretName(name: string): boolean {
  const words = name.toUpperCase().split(/[^A-Z0-9]+/);
  const last = words.at(-1) ?? '';
  // PWD and OLDPWD alone are the shell's working directory.
  if (words.length === 1 && last === 'PWD') return false;
  if (NOT_THE_VALUE.has(last)) return false;
  if (SECRET_ENDINGS.has(last) || words.some((word) => SECRET_WORDS.has(word))) return true;
  // PGPASSWORD, MYAPPTOKEN: written in one word
  if (words.some((word) => /(?:PASSWORD|PASSWD|SECRET)$/.test(word))) return true;
  return last === 'KEY' && words.length > 1 && !PUBLIC_KEYS.has(words.at(-2) ?? '');
}

export const secretFindings: Rule = ({ config }) => {
  const names = (config.Env ?? []).flatMap((entry) => {
    const [, name, value] = /^([^=]+)=(.+)$/s.exec(entry) ?? [];
    return name !== undefined && value !== undefined && isSecretName(name) ? [name] : [];
  });
  if (names.length === 0) return [];
  return [
    {
      id: 'secret-in-env',
      title: 'Secrets in the environment',
      severity: 'medium',
      what: `Config.Env: ${names.join(', ')}`,
      attack:
        'Reads /proc/self/environ through any flaw that shows a file, or a crash report or debug page that prints the environment; every program started inside inherits it, and so does everyone who may call inspect.',
      fix: "Mount the secret as a file, readable by its user only, and name it by the program's *_FILE variable.",
      reference: 'proc_pid_environ(5)',
      origin: 'asked',
    },
  ];
};
