import assert from 'node:assert/strict';
import { it } from 'node:test';
import { FlagValueError } from '../../flags/flag.ts';
import { deviceMapping, parseMount } from './mount-flag.ts';

it('reads --mount as Docker does, and idmap', () => {
  assert.deepEqual(parseMount('type=bind,src=/a,dst=/b,readonly,bind-propagation=rslave,idmap'), {
    Type: 'bind',
    Source: '/a',
    Target: '/b',
    ReadOnly: true,
    BindOptions: { Propagation: 'rslave', IdMap: true },
  });
  assert.deepEqual(parseMount('type=tmpfs,target=/t,tmpfs-size=1024,tmpfs-mode=1770').TmpfsOptions, {
    SizeBytes: 1024,
    Mode: 0o1770,
  });
  for (const text of ['type=bind,src=/a', 'type=bind,dst=/b,colour=red', 'type=bind,dst=/b,ro=maybe', 'nonsense']) {
    assert.throws(() => parseMount(text), FlagValueError, text);
  }
});

it('reads --device with a place and rights of its own', () => {
  const mapping = (text: string) => Object.values(deviceMapping(text)).join(' ');
  assert.equal(mapping('/dev/x'), '/dev/x /dev/x rwm');
  assert.equal(mapping('/dev/x:r'), '/dev/x /dev/x r');
  assert.equal(mapping('/dev/x:/dev/y'), '/dev/x /dev/y rwm');
  assert.equal(mapping('/dev/x:/dev/y:rw'), '/dev/x /dev/y rw');
});
