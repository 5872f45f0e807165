import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isContextPart, sharedLabel } from './context.ts';
import {
  type ContainerLabels,
  containerLabels,
  duplicateOptions,
  levelOf,
  parseContext,
  parseLabelDefaults,
  parseLabelOptions,
  relabelRefusal,
} from './index.ts';
import { freshLevel } from './labels.ts';

const DEFAULTS = parseLabelDefaults('');
const labels = (options: string[] = [], taken: string[] = [], defaults = DEFAULTS): ContainerLabels =>
  containerLabels(defaults, parseLabelOptions(options), new Set(taken));

describe('a context', () => {
  it('has a level with colons, a range of levels, or none', () => {
    assert.deepEqual(parseContext('u:r:t_t:s0-s15:c0.c1023', 'x'), {
      user: 'u',
      role: 'r',
      type: 't_t',
      level: 's0-s15:c0.c1023',
    });
    assert.equal(parseContext('u:r:t_t', 'x').level, '');
  });

  for (const text of ['', 'a:b', 'a:b:', 'a:b:c:', 'a:b:c"d', 'a:b:c,upperdir=/etc', 'a:b:c:s0" ,x', 'a\n:b:c']) {
    it(`is none: ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parseContext(text, 'process.selinuxLabel'),
        /^EngineError: process\.selinuxLabel: .* is no SEL/,
      );
    });
  }

  it('is shared without its categories', () => {
    assert.equal(sharedLabel('system_u:object_r:container_file_t:s0:c1,c2'), 'system_u:object_r:container_file_t:s0');
    assert.equal(sharedLabel('u:object_r:file_t'), 'u:object_r:file_t');
  });

  it('takes no part that could end a mount option', () => {
    for (const bad of ['"', ',', ' ', '\\', '\n', '=']) {
      assert.equal(isContextPart('type', `a${bad}b`), false);
      assert.equal(isContextPart('level', `s0${bad}`), bad === ',');
    }
  });
});

describe('the defaults', () => {
  it('are read from the lines of lxc_contexts', () => {
    const text =
      '# process = "no"\n;file="no"\n\nprocess = "u:r:p_t:s0"\n  file="u:object_r:f_t:s0"  \nro_file = "x"\n';
    const defaults = { process: 'u:r:p_t:s0', file: 'u:object_r:f_t:s0', readOnlyFile: 'x' };
    assert.deepEqual(parseLabelDefaults(text), defaults);
  });

  it('are those of container-selinux where the policy says nothing', () => {
    assert.equal(DEFAULTS.process, 'system_u:system_r:container_t:s0');
    assert.equal(DEFAULTS.file, 'system_u:object_r:container_file_t:s0');
  });
});

describe('the options', () => {
  it('are refused in the words of dockerd', () => {
    for (const option of ['foo', 'foo:bar', 'type', '']) {
      assert.throws(() => parseLabelOptions([option]), {
        message: /^bad label option ".*", valid options 'disable' or/,
      });
    }
  });

  it('are refused when the value cannot stand in a context', () => {
    for (const option of ['type:', 'type:a b', 'level:', 'user:a:b', 'role:"', 'filetype:a,b']) {
      assert.throws(() => parseLabelOptions([option]), { kind: 'InvalidParameter', message: /the value is no \w+$/ });
    }
  });

  it('make a copy of a label', () => {
    const options = duplicateOptions(parseContext('u_u:r_r:t_t:s0:c1,c2', 'x'));
    assert.deepEqual(options, ['user:u_u', 'role:r_r', 'type:t_t', 'level:s0:c1,c2']);
    assert.equal(labels(options).process, 'u_u:r_r:t_t:s0:c1,c2');
    assert.equal(labels(options).mount, 'u_u:object_r:container_file_t:s0:c1,c2');
  });
});

describe('the labels of a container', () => {
  it('have two categories, the lower first, the same for its files', () => {
    const { process, mount } = labels();
    const [, one, other] = /^system_u:system_r:container_t:s0:c(\d+),c(\d+)$/.exec(process) ?? [];
    assert.ok(Number(one) < Number(other) && Number(other) < 1024, process);
    assert.equal(mount, `system_u:object_r:container_file_t:s0:c${one},c${other}`);
  });

  it("are nobody else's, although the dice fall the same", () => {
    const throws = [5, 5, 7, 3, 3, 7, 1022, 1023, 9, 8];
    const dice = () => throws.shift() ?? assert.fail('thrown once too often');
    assert.equal(freshLevel(new Set(['s0:c3,c7']), dice), 's0:c8,c9');
    assert.deepEqual(throws, []);
  });

  it('are all different until there are no more', () => {
    const taken = new Set<string>();
    for (let count = 0; count < 5000; count++) taken.add(levelOf(labels([], [...taken]).process));
    assert.equal(taken.size, 5000);
    const all = new Set(Array.from({ length: 523_775 }, (_, index) => `level${index}`));
    assert.throws(() => freshLevel(all), { kind: 'Unavailable' });
  });

  it('follow the options', () => {
    const { process, mount } = labels(['type:my_t', 'level:s0:c1', 'filetype:data_t', 'user:my_u', 'role:my_r']);
    assert.equal(process, 'my_u:my_r:my_t:s0:c1');
    assert.equal(mount, 'my_u:object_r:data_t:s0:c1');
  });

  it('are none for the process when they are disabled, and a level that nobody has for its files', () => {
    const { process, mount } = labels(['type:my_t', 'disable']);
    assert.equal(process, '');
    assert.equal(mount, 'system_u:object_r:container_file_t:s0:c1022,c1023');
  });

  it('have no level under a policy without levels', () => {
    const defaults = { ...DEFAULTS, process: 'u:r:container_t', file: 'u:object_r:container_file_t' };
    assert.deepEqual(labels([], [], defaults), { process: defaults.process, mount: defaults.file });
    assert.equal(labels(['disable'], [], defaults).mount, defaults.file);
  });
});

describe('relabelling', () => {
  it('keeps off what the host lives on, home directories, and the engine', () => {
    const refusal = (path: string) => relabelRefusal(path, ['/data/isle', '/run/isle'], ['/home/me']);
    for (const path of ['/', '/etc', '/usr', '/usr/lib', '/var/lib', '/home', '/home/me', '/data', '/data/isle']) {
      assert.match(refusal(path) ?? '', new RegExp(`^SELinux relabeling of ${path} is not allowed`));
    }
    for (const path of ['/srv/www', '/home/me/project', '/etc/nginx', '/data/other', '/data/isle2']) {
      assert.equal(refusal(path), null);
    }
  });
});
