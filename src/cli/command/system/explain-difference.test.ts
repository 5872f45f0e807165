import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Explanation, Fact } from '../../../api/types/explain.ts';
import { renderDifference } from '../../format/explain-difference.ts';
import { makeStyle } from '../../format/style.ts';
import { displayWidth } from '../../format/table.ts';
import { isle } from '../../testing/capture.ts';
import { explanationDifference } from './explain-difference.ts';

const fact = (what: string, asked: string, enforced: string | null = asked, holds: boolean | null = true): Fact => ({
  what,
  asked,
  enforced,
  source: '/proc',
  holds: enforced === null ? null : holds,
  why: `Why ${what}.`,
});

function explanation(name: string, digit: string, facts: Fact[]): Explanation {
  const id = digit.repeat(64);
  const layers = [{ name: 'limits', title: 'Limits', summary: '', facts }];
  return { subject: { kind: 'container', id, name, state: 'running', pid: 1 }, layers, plan: [] };
}

const difference = (a: Fact[], b: Fact[]) =>
  explanationDifference(explanation('web', 'a', a), explanation('db', 'b', b));
const differing = (a: Fact[], b: Fact[]): string[] =>
  difference(a, b).layers.flatMap(({ facts }) => facts.map(({ what }) => what));

describe('the difference of two explanations', () => {
  it('has the facts that were asked differently, and counts the others', () => {
    const [memory, cpus] = [fact('memory', '64 MiB'), fact('cpus', '1')];
    const result = difference([memory, cpus], [fact('memory', 'no limit'), cpus]);
    assert.equal(result.same, 1);
    assert.deepEqual(result.layers, [
      {
        name: 'limits',
        title: 'Limits',
        facts: [
          {
            what: 'memory',
            why: 'Why memory.',
            a: { asked: '64 MiB', enforced: '64 MiB', holds: true },
            b: { asked: 'no limit', enforced: 'no limit', holds: true },
          },
        ],
      },
    ]);
  });

  it("is not made by what is each container's own: its id, its name, the numbers of its namespaces", () => {
    const of = (digit: string, name: string, number: number) => [
      fact('cgroup', `/isle/${digit.repeat(64)}`, `/isle/${digit.repeat(64)}`),
      fact('hostname', digit.repeat(12)),
      fact('name', name),
      fact('pid namespace', 'its own', `pid:[${number}]`),
    ];
    assert.deepEqual(differing(of('a', 'web', 4026532201), of('b', 'db', 4026532202)), []);
  });

  it('has what the kernel says differently, and what holds in one only', () => {
    assert.deepEqual(differing([fact('m', '1', '1')], [fact('m', '1', '2', false)]), ['m']);
  });

  it('has what only one of them has', () => {
    const result = difference([fact('m', '1'), fact('filter', 'on')], [fact('m', '1')]);
    assert.deepEqual(
      result.layers[0]?.facts.map(({ a, b }) => [a?.asked, b]),
      [['on', null]],
    );
  });

  it('is not made by one that does not run', () => {
    assert.deepEqual(differing([fact('m', '1', '1')], [fact('m', '1', null)]), []);
    assert.deepEqual(differing([fact('m', '1', '1')], [fact('m', '2', null)]), ['m']);
  });

  it('tells facts of the same name in one layer apart', () => {
    const mounts = (second: string) => [fact('mount', '/a'), fact('mount', second)];
    assert.deepEqual(differing(mounts('/b'), mounts('/c')), ['mount (2)']);
  });
});

describe('the page of a difference', () => {
  const page = (a: Fact[], b: Fact[]) => renderDifference(difference(a, b), { width: 80, style: makeStyle(false) });

  it('stands side by side, the first container on the left', () => {
    assert.equal(
      page(
        [fact('memory', '64 MiB'), fact('cpus', '1')],
        [fact('memory', 'no limit', '32 MiB', false), fact('cpus', '1')],
      ),
      [
        'web  |  db',
        '1 fact differs, 1 says the same of both.',
        '',
        'Limits',
        '',
        '    web (running)                          db (running)',
        '  memory',
        '    64 MiB                                 no limit',
        '                                           ✗ enforced: 32 MiB',
        '    Why memory.',
        '',
      ].join('\n'),
    );
  });

  it('says when nothing differs', () => {
    assert.match(page([fact('m', '1')], [fact('m', '1')]), /✓ Nothing differs: all 1 facts say the same of both/);
  });

  it('stays inside its width', () => {
    for (const line of page([fact('caps', 'CAP_CHOWN '.repeat(20))], []).split('\n')) {
      assert.ok(displayWidth(line) <= 80, line);
    }
  });
});

describe('explain --diff', () => {
  it('takes two containers, and explain without it one', async () => {
    const nowhere = 'unix:///nonexistent/isle.sock';
    assert.match((await isle(nowhere, ['explain', '--diff', 'a'])).stderr, /--diff compares two containers: give both/);
    assert.match(
      (await isle(nowhere, ['explain', 'a', 'b'])).stderr,
      /explain takes one container or image; with --diff two/,
    );
  });
});
