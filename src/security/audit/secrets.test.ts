import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { audit } from './index.ts';
import { isSecretName } from './secrets.ts';
import { plain } from './testdata/containers.ts';

describe('secrets in the environment', () => {
  const secret =
    'PASSWORD DB_PASSWORD MYSQL_ROOT_PASSWORD PGPASSWORD MYSQL_PWD GITHUB_TOKEN SECRET_KEY_BASE API_KEY AWS_SECRET_ACCESS_KEY SSH_PRIVATE_KEY db.passphrase AZURE_CREDENTIALS';
  for (const name of secret.split(' ')) it(`are looked for in ${name}`, () => assert.ok(isSecretName(name)));

  const harmless =
    'PATH PWD OLDPWD KEY KEYBOARD GPG_KEY SSH_PUBLIC_KEY POSTGRES_PASSWORD_FILE TOKEN_EXPIRY PASSWORD_MIN_LENGTH TOKENIZERS_PARALLELISM PASS_THROUGH MONKEY AWS_ACCESS_KEY_ID';
  for (const name of harmless.split(' ')) it(`are not looked for in ${name}`, () => assert.ok(!isSecretName(name)));

  it('are told by name, all in one finding, and never by value', () => {
    const Env = ['DB_PASSWORD=hunter2', 'A=b', 'API_TOKEN=t0k3n\nline', 'EMPTY_SECRET='];
    const findings = audit(plain({ config: { Env } })).filter(({ id }) => id === 'secret-in-env');
    assert.deepEqual(
      findings.map(({ what }) => what),
      ['Config.Env: DB_PASSWORD, API_TOKEN'],
    );
    assert.doesNotMatch(JSON.stringify(findings), /hunter2|t0k3n/);
  });
});
