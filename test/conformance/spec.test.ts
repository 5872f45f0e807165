import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { cgroupMounts } from '../harness/leftovers.ts';
import { Box, type Config } from './box.ts';
import { ISLE_RUNTIME, RUNTIMES } from './runtimes.ts';

for (const runtime of RUNTIMES) {
  describe(`${runtime.name}: the spec, seen from inside`, () => {
    let box: Box;
    before(async () => void (box = await Box.make(runtime)));
    after(async () => box[Symbol.asyncDispose]());

    it('process: user, groups, umask, directory, environment', async () => {
      const seen = await box.see('id -u; id -g; id -G; umask; ls -d $PWD; echo $WORD', (config) => {
        Object.assign(config.process, {
          user: { uid: 1000, gid: 1001, additionalGids: [2000], umask: 0o27 },
          cwd: '/bin',
          env: ['PATH=/bin', 'WORD=a b'],
        });
      });
      const [uid, gid, groups, mask, cwd, word] = seen.split('\n');
      assert.deepEqual([uid, gid, mask, cwd, word], ['1000', '1001', '0027', '/bin', 'a b']);
      assert.deepEqual(new Set(groups?.split(' ')), new Set(['1001', '2000']));
    });

    it('process: capabilities, no_new_privs, resource limits, OOM score', async () => {
      const status = await box.see(
        'cat /proc/self/status; cat /proc/self/limits; cat /proc/self/oom_score_adj',
        (config) => {
          const set = ['CAP_KILL', 'CAP_SETUID'];
          Object.assign(config.process, {
            capabilities: {
              bounding: [...set, 'CAP_CHOWN'],
              effective: set,
              permitted: set,
              inheritable: set,
              ambient: set,
            },
            rlimits: [{ type: 'RLIMIT_NOFILE', soft: 100, hard: 200 }],
            oomScoreAdj: 321,
          });
        },
      );
      const mask = (name: string) => new RegExp(`^${name}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1];
      assert.deepEqual(
        ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map(mask),
        ['00a0', '00a0', '00a0', '00a1', '00a0'].map((digits) => digits.padStart(16, '0')),
      );
      assert.match(status, /^NoNewPrivs:\s*1$/m);
      assert.match(status, /^Max open files\s+100\s+200/m);
      assert.match(status, /^321$/m);
    });

    // The runc and crun of Debian 12 do not have it.
    it('time: clocks shifted, and those of another process by path', { skip: runtime !== ISLE_RUNTIME }, async () => {
      const uptime = 'read seconds rest < /proc/uptime; echo ${seconds%.*}';
      const withTime = (path?: string) => (config: Config) => {
        const namespaces = config.linux['namespaces'] as object[];
        namespaces.push(path === undefined ? { type: 'time' } : { type: 'time', path });
        if (path === undefined) config.linux['timeOffsets'] = { boottime: { secs: 1_000_000 } };
      };
      const own = Number(readFileSync('/proc/uptime', 'utf8').split('.')[0]);
      const shifted = Number(await box.see(uptime, withTime()));
      assert.ok(Math.abs(shifted - own - 1_000_000) < 60, `${shifted}, the host ${own}`);
      const id = await box.started(withTime());
      const executed = Number(await box.ok('exec', id, 'sh', '-c', uptime));
      assert.ok(Math.abs(executed - own - 1_000_000) < 60, `${executed}, the host ${own}`);
      const { pid } = await box.state(id);
      const joined = Number(await box.see(uptime, withTime(`/proc/${pid}/ns/time`)));
      assert.ok(Math.abs(joined - own - 1_000_000) < 60, `${joined}, the host ${own}`);
    });

    it('hostname and sysctl', async () => {
      const seen = await box.see(
        'hostname; cat /proc/sys/net/ipv4/ip_forward; cat /proc/sys/kernel/shmmni',
        (config) => {
          config['hostname'] = 'named';
          config.linux['sysctl'] = { 'net.ipv4.ip_forward': '1', 'kernel.shmmni': '123' };
        },
      );
      assert.deepEqual(seen.split('\n'), ['named', '1', '123']);
    });

    it('mounts: a bind of a directory and of a file, read-only ones, a tmpfs with options', async () => {
      const file = join(box.directory, 'file');
      writeFileSync(file, 'content');
      const readonly = join(box.directory, 'readonly');
      mkdirSync(readonly, { recursive: true });
      const seen = await box.see('cat /etc/file; touch /readonly/x 2>&1; grep " /scratch " /proc/mounts', (config) => {
        config.mounts.push(
          { destination: '/etc/file', type: 'bind', source: file, options: ['bind', 'ro'] },
          { destination: '/readonly', type: 'bind', source: readonly, options: ['rbind', 'ro'] },
          {
            destination: '/scratch',
            type: 'tmpfs',
            source: 'tmpfs',
            options: ['noexec', 'nosuid', 'size=64k', 'mode=700'],
          },
        );
      });
      assert.match(seen, /^content/);
      assert.match(seen, /Read-only file system/);
      assert.match(seen, /tmpfs rw,nosuid,noexec,[^ ]*size=64k,mode=700/);
    });

    it('root: read-only', async () => {
      const seen = await box.see('touch /x 2>&1; true', (config) => {
        Object.assign(config['root'] as object, { readonly: true });
      });
      assert.match(seen, /Read-only file system/);
    });

    it('masked and read-only paths', async () => {
      const look = 'cat /proc/uptime | grep -c .; ls /sys/kernel | grep -c .; echo 1 > /proc/sys/kernel/shmmni; true';
      const { code, stdout, stderr } = await box.run((config) => {
        config.process['args'] = ['sh', '-c', look];
        config.linux['maskedPaths'] = ['/proc/uptime', '/sys/kernel', '/proc/nosuch'];
        config.linux['readonlyPaths'] = ['/proc/sys', '/proc/nosuch'];
      });
      assert.deepEqual([code, stdout], [0, '0\n0\n']);
      assert.match(stderr, /Read-only file system/);
    });

    it('devices: the default ones, and those of the bundle', async () => {
      const seen = await box.see(
        'stat -c "%n %F %t:%T %a" /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /dev/mine; echo x > /dev/null',
        (config) => {
          config.linux['devices'] = [
            { path: '/dev/mine', type: 'c', major: 1, minor: 5, fileMode: 0o600, uid: 0, gid: 0 },
          ];
        },
      );
      assert.match(seen, /\/dev\/null character special file 1:3 666/);
      assert.match(seen, /\/dev\/mine character special file 1:5 600/);
    });

    it('namespaces: its own pid, ipc, uts, network and mount namespace', async () => {
      const own = await box.see('ls -l /proc/self/ns; ls -d /proc/[0-9]* | grep -c .');
      for (const name of ['pid', 'ipc', 'uts', 'net', 'mnt']) {
        const link = new RegExp(`${name}:\\[(\\d+)\\]`).exec(own)?.[0];
        assert.notEqual(link, undefined);
        assert.notEqual(link, readlinkSync(`/proc/self/ns/${name}`));
      }
    });

    it('seccomp: a call that the filter refuses, and one that it lets through', async () => {
      const seen = await box.see('umask 022; ls / >/dev/null && echo listed; hostname other 2>&1; true', (config) => {
        config.linux['seccomp'] = {
          defaultAction: 'SCMP_ACT_ALLOW',
          architectures: ['SCMP_ARCH_X86_64'],
          syscalls: [{ names: ['sethostname'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 }],
        };
      });
      assert.match(seen, /listed/);
      assert.match(seen, /Function not implemented/);
      assert.equal(await box.see('grep Seccomp: /proc/self/status'), 'Seccomp:\t0');
    });

    it('resources: limits of memory and processes are set', async () => {
      const id = await box.started((config: Config) => {
        config.linux['resources'] = {
          ...(config.linux['resources'] as object),
          memory: { limit: 33554432 },
          pids: { limit: 77 },
        };
      });
      const values = cgroupMounts().flatMap((mount) =>
        ['memory.limit_in_bytes', 'memory.max', 'pids.max']
          .map((file) => join(mount, box.cgroupParent, id, file))
          .filter((file) => existsSync(file))
          .map((file) => readFileSync(file, 'utf8').trim()),
      );
      assert.deepEqual(values.toSorted(), ['33554432', '77']);
    });
  });
}
