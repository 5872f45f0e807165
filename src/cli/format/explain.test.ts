import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Explanation, Fact } from '../../api/types/explain.ts';
import { renderExplanation } from './explain.ts';
import { makeStyle } from './style.ts';
import { displayWidth } from './table.ts';

const PID: Fact = {
  what: 'pid namespace',
  asked: 'its own',
  enforced: 'pid:[4026532201]',
  source: '/proc/4711/ns/pid',
  holds: true,
  why: 'It sees only its own processes.',
};
const MEMORY: Fact = {
  ...PID,
  what: 'memory limit',
  asked: '512 MiB',
  enforced: 'no limit',
  source: '/sys/fs/cgroup/memory/x',
  holds: false,
};

function explanation(facts: Fact[], pid: number | null = 4711): Explanation {
  return {
    subject: { kind: 'container', id: 'ab'.repeat(32), name: '/web', state: pid === null ? 'exited' : 'running', pid },
    layers: [{ name: 'namespaces', title: 'Namespaces', summary: 'What the process can see.', facts }],
    plan: [
      { section: 'setup', step: 'monitor', text: 'Keep the log' },
      { section: 'child', step: 'mountFs', text: 'Mount proc on /proc' },
      { section: 'child', step: 'pivotRoot', text: 'Make the new root the root' },
    ],
  };
}

const render = (subject: Explanation, options: { plan?: boolean; width?: number; color?: boolean } = {}): string =>
  renderExplanation(subject, {
    width: options.width ?? 80,
    plan: options.plan ?? true,
    truncate: true,
    style: makeStyle(options.color ?? false),
  });

describe('an explanation', () => {
  it('begins with a verdict, then shows each fact as asked, enforced and read', () => {
    const page = render(explanation([PID]), { plan: false });
    assert.equal(
      page,
      [
        'web  container · abababababab · running · pid 4711 on the host',
        '✓ The kernel enforces all 1 of the facts below.',
        '',
        '1. Namespaces',
        '    What the process can see.',
        '',
        '    asked for                 enforced by the kernel    read from',
        '  ✓ pid namespace',
        '    its own                   pid:[4026532201]          /proc/4711/ns/pid',
        '    It sees only its own processes.',
        '',
        '✓ enforced as asked   ✗ not enforced   · cannot be read back',
        '',
      ].join('\n'),
    );
  });

  it('says at once when something is not enforced', () => {
    const page = render(explanation([PID, MEMORY]));
    assert.match(page, /✗ The kernel does not enforce 1 of the 2 facts below\./);
    assert.match(page, /✗ memory limit/);
  });

  it('shows what was asked for when the container does not run', () => {
    const still = { ...PID, enforced: null, source: null, holds: null };
    const page = render(explanation([still, { ...still, what: 'a very long name of something' }], null));
    assert.match(page, /It does not run now/);
    assert.match(page, /^ {4}pid namespace +its own\n +It sees only its own processes\.$/m);
    assert.match(page, /^ {4}a very long name of +its own\n {4}something +It sees/m);
    assert.doesNotMatch(page, /enforced by the kernel {2}|✓/);
  });

  it('numbers the steps of the plan and says where each part of it runs', () => {
    const page = render(explanation([PID]));
    assert.match(page, /the isolation plan, 3 steps/);
    assert.match(
      page,
      /child {2}in the container's first process.*\n +2 {2}mountFs +Mount proc on \/proc\n +3 {2}pivotRoot/,
    );
  });

  it('stays inside the width that it was given, long values included', () => {
    const long = { ...PID, asked: 'CAP_CHOWN '.repeat(14).trim(), source: `/sys/fs/cgroup/${'x'.repeat(80)}` };
    for (const line of render(explanation([long]), { width: 72 }).split('\n'))
      assert.ok(displayWidth(line) <= 72, line);
  });

  it('shortens the id in paths, and stacks values that are too long for a column', () => {
    const path = `/sys/fs/cgroup/${'ab'.repeat(32)}/tasks`;
    const page = render(explanation([{ ...PID, asked: 'CAP_CHOWN '.repeat(14).trim(), source: path }]));
    assert.match(page, /^ {4}asked for {2}CAP_CHOWN CAP_CHOWN/m);
    assert.match(
      page,
      /^ {4}enforced {3}pid:\[4026532201\]\n {4}read from {2}\/sys\/fs\/cgroup\/abababababab…\/tasks$/m,
    );
  });

  it('puts colours on only when asked, without moving a character', () => {
    const plain = render(explanation([PID, MEMORY]));
    const colored = render(explanation([PID, MEMORY]), { color: true });
    assert.doesNotMatch(plain, /\x1b/);
    assert.equal(colored.replaceAll(/\x1b\[\d+m/g, ''), plain);
  });
});
