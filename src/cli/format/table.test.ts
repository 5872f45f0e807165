import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { displayWidth, formatTable, wrap } from './table.ts';

describe('tables', () => {
  it('have columns at least 10 wide and 3 apart, and nothing after the last one', () => {
    const rows = [
      ['CONTAINER ID', 'IMAGE', 'NAMES'],
      ['0123456789ab', 'busybox', 'web'],
      ['ba9876543210', 'registry.example/long', ''],
    ];
    assert.equal(
      formatTable(rows),
      [
        'CONTAINER ID   IMAGE                   NAMES\n',
        '0123456789ab   busybox                 web\n',
        'ba9876543210   registry.example/long   \n',
      ].join(''),
    );
    assert.equal(formatTable([['A', 'B']]), 'A         B\n');
  });

  it('count what a terminal shows, not what a string holds', () => {
    assert.equal(displayWidth('sleep…'), 6);
    assert.equal(displayWidth('日本'), 4);
    assert.equal(displayWidth('e\u0301'), 1);
    assert.equal(displayWidth('🚀'), 2);
  });
});

describe('wrapping', () => {
  it('breaks at spaces and cuts what is longer than a line', () => {
    assert.deepEqual(wrap('the quick brown fox', 10), ['the quick', 'brown fox']);
    assert.deepEqual(wrap('abcdefghij', 4), ['abcd', 'efgh', 'ij']);
    assert.deepEqual(wrap('in /sys/fs/cgroup/x', 10), ['in', '/sys/fs/', 'cgroup/x']);
    assert.deepEqual(wrap('one\ntwo', 10), ['one', 'two']);
    assert.deepEqual(wrap('', 10), ['']);
  });
});
