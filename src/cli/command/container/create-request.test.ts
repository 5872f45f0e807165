import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { CreateRequest } from '../../../api/types/container.ts';
import { CommandError } from '../../errors.ts';
import { parseArguments } from '../../flags/parse.ts';
import { CREATE_FLAGS } from './create-flags.ts';
import { buildCreateRequest } from './create-request.ts';
import { parseEnvFile } from './env-file.ts';

function build(argv: string[], options: { detach?: boolean; env?: NodeJS.ProcessEnv } = {}): CreateRequest {
  const { values, given, positionals } = parseArguments(CREATE_FLAGS, argv, { interspersed: false });
  return buildCreateRequest({
    flags: values,
    given,
    args: positionals,
    env: options.env ?? {},
    detach: options.detach ?? false,
  });
}

const refuses = (message: string | RegExp, ...argv: string[]): void => {
  assert.throws(
    () => build([...argv, 'busybox']),
    (error: unknown) => {
      assert.ok(error instanceof CommandError);
      assert.equal(error.exitCode, 125);
      if (typeof message === 'string') assert.equal(error.message, message);
      else assert.match(error.message, message);
      return true;
    },
  );
};

describe('the process', () => {
  it('is the image and the command that follows it, flags and all', () => {
    const { Image, Cmd, Entrypoint } = build(['busybox', 'sh', '-c', 'echo -e x']);
    assert.deepEqual([Image, Cmd, Entrypoint], ['busybox', ['sh', '-c', 'echo -e x'], undefined]);
  });

  it('has an empty entrypoint when asked for one, which is not the same as none', () => {
    assert.deepEqual(build(['--entrypoint', '', 'busybox']).Entrypoint, ['']);
    assert.deepEqual(build(['--entrypoint', 'sh', 'busybox']).Entrypoint, ['sh']);
  });

  it('takes variables from files first, then from flags, and names without a value from our environment', () => {
    const directory = mkdtempSync(join(tmpdir(), 'isle-env-'));
    try {
      const file = join(directory, 'env');
      writeFileSync(file, '\uFEFF# comment\nA=from file\n\n  B="quoted"\nHOME\nABSENT\n');
      const { Env } = build(['-e', 'A=1', '-e', 'HOME', '-e', 'GONE', '--env-file', file, 'busybox'], {
        env: { HOME: '/root' },
      });
      assert.deepEqual(Env, ['A=from file', 'B="quoted"', 'HOME=/root', 'A=1', 'HOME=/root', 'GONE']);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('refuses an env file that is missing or wrong, naming it', () => {
    refuses('open /nonexistent/env: no such file or directory', '--env-file', '/nonexistent/env');
    assert.throws(() => parseEnvFile('A B=1', 'f', {}), /invalid env file \(f\): variable 'A B' contains whitespaces/);
    assert.throws(() => parseEnvFile('=1', 'f', {}), /invalid env file \(f\): no variable name on line '=1'/);
  });
});

describe('the streams', () => {
  const attached = (request: CreateRequest): unknown[] => [
    request.AttachStdin,
    request.AttachStdout,
    request.AttachStderr,
    request.OpenStdin,
    request.StdinOnce,
  ];

  it('are attached as -i, -d and -a say', () => {
    assert.deepEqual(attached(build(['busybox'])), [false, true, true, false, false]);
    assert.deepEqual(attached(build(['-i', 'busybox'])), [true, true, true, true, true]);
    assert.deepEqual(attached(build(['-i', 'busybox'], { detach: true })), [false, false, false, true, false]);
    assert.deepEqual(attached(build(['-a', 'stderr', '-i', 'busybox'])), [false, false, true, true, false]);
    assert.deepEqual(attached(build(['-a', 'STDIN', '-i', 'busybox'])), [true, false, false, true, true]);
  });
});

describe('the isolation', () => {
  it('carries limits in the units of the API', () => {
    const { HostConfig } = build([
      '-m',
      '512m',
      '--memory-swap',
      '-1',
      '--cpus',
      '1.5',
      '--pids-limit',
      '100',
      '--shm-size',
      '64m',
      'x',
    ]);
    assert.equal(HostConfig?.Memory, 536870912);
    assert.equal(HostConfig?.MemorySwap, -1);
    assert.equal(HostConfig?.NanoCpus, 1_500_000_000);
    assert.equal(HostConfig?.PidsLimit, 100);
    assert.equal(HostConfig?.ShmSize, 67108864);
  });

  it('says nothing of what was not asked for', () => {
    const { HostConfig, StopTimeout, StopSignal } = build(['busybox']);
    for (const name of ['Init', 'ShmSize', 'Tmpfs', 'Sysctls', 'ConsoleSize', 'Runtime', 'MaskedPaths'] as const) {
      assert.equal(HostConfig?.[name], undefined, name);
    }
    assert.deepEqual([StopTimeout, StopSignal, HostConfig?.NetworkMode], [undefined, undefined, 'default']);
  });

  it('writes capabilities one way', () => {
    const { HostConfig } = build([
      '--cap-add',
      'net_admin',
      '--cap-add',
      'CAP_SYS_TIME',
      '--cap-drop',
      'all',
      'busybox',
    ]);
    assert.deepEqual([HostConfig?.CapAdd, HostConfig?.CapDrop], [['CAP_NET_ADMIN', 'CAP_SYS_TIME'], ['ALL']]);
  });

  it('sends a seccomp profile by content, and unconfined paths as empty lists', () => {
    const directory = mkdtempSync(join(tmpdir(), 'isle-seccomp-'));
    try {
      const file = join(directory, 'profile.json');
      writeFileSync(file, '{\n  "defaultAction": "SCMP_ACT_ERRNO",\n  "value": 18446744073709551615\n}\n');
      const options = ['no-new-privileges', 'systempaths=unconfined', `seccomp=${file}`, 'apparmor=unconfined'];
      const { HostConfig } = build([...options.flatMap((option) => ['--security-opt', option]), 'busybox']);
      assert.deepEqual(HostConfig?.SecurityOpt, [
        'no-new-privileges',
        'seccomp={"defaultAction":"SCMP_ACT_ERRNO","value":18446744073709551615}',
        'apparmor=unconfined',
      ]);
      assert.deepEqual([HostConfig?.MaskedPaths, HostConfig?.ReadonlyPaths], [[], []]);
      writeFileSync(file, '{');
      refuses(/^seccomp profile \(.*\) is not JSON: /, '--security-opt', `seccomp=${file}`);
    } finally {
      rmSync(directory, { recursive: true });
    }
    refuses('Invalid --security-opt: "foo"', '--security-opt', 'foo');
    refuses(
      /opening seccomp profile \(\/nonexistent\) failed: open \/nonexistent: no such file/,
      '--security-opt',
      'seccomp=/nonexistent',
    );
  });

  it('tells binds from anonymous volumes, and makes relative host paths absolute', () => {
    const { HostConfig, Volumes } = build([
      '-v',
      '/a:/b:ro',
      '-v',
      '/anon',
      '-v',
      './x:/y',
      '-v',
      'name:/z',
      'busybox',
    ]);
    assert.deepEqual(HostConfig?.Binds, ['/a:/b:ro', `${join(process.cwd(), 'x')}:/y`, 'name:/z']);
    assert.deepEqual(Volumes, { '/anon': {} });
    refuses('invalid empty volume spec', '-v', '');
  });

  it('takes tmpfs options, labels, restart policies and ulimits apart', () => {
    const { HostConfig, Labels } = build(
      '--tmpfs /t:size=1m,mode=700 --tmpfs /u --label a=b=c -l bare --restart on-failure:3 --ulimit nofile=1:2 --init=false busybox'.split(
        ' ',
      ),
    );
    assert.deepEqual(HostConfig?.Tmpfs, { '/t': 'size=1m,mode=700', '/u': '' });
    assert.deepEqual(Labels, { a: 'b=c', bare: '' });
    assert.deepEqual(HostConfig?.RestartPolicy, { Name: 'on-failure', MaximumRetryCount: 3 });
    assert.deepEqual(HostConfig?.Ulimits, [{ Name: 'nofile', Soft: 1, Hard: 2 }]);
    assert.equal(HostConfig?.Init, false);
    refuses('invalid restart policy: "sometimes"', '--restart', 'sometimes');
    refuses('conflicting options: cannot specify both --restart and --rm', '--rm', '--restart', 'always');
  });
});
