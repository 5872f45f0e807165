import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { containerRecord } from '../../test/fixtures/container-record.ts';
import { Container } from './container.ts';
import type { ContainersContext } from './context.ts';
import { checkFilters, matchesFilters } from './list-filters.ts';

const filters = (key: string, ...values: string[]) => new Map([[key, values]]);

function matches(key: string, value: string, config: object = {}): boolean {
  const container = new Container(containerRecord({ config: { Hostname: 'web1', ...config } }));
  // None of the filters below looks at anything but the container.
  return matchesFilters({} as ContainersContext, container, filters(key, value));
}

describe('checkFilters', () => {
  it('takes every filter that docker ps knows', () => {
    for (const [key, value] of [
      ['id', 'f'],
      ['health', 'none'],
      ['is-task', 'false'],
      ['volume', '/data'],
      ['publish', '8000-8010/tcp'],
      ['expose', '53/udp'],
      ['exited', '137'],
      ['status', 'removing'],
    ] as const) {
      checkFilters(filters(key, value));
    }
  });

  it('names the filter or the value that there is not', () => {
    const refuses = (key: string, value: string, message: string) =>
      assert.throws(() => checkFilters(filters(key, value)), { kind: 'InvalidParameter', message });
    refuses('color', 'red', "invalid filter 'color'");
    refuses('status', 'asleep', "invalid filter 'status=asleep'");
    refuses('health', 'fine', "invalid filter 'health=fine'");
    refuses('exited', 'x', "invalid filter 'exited=x'");
    refuses('publish', 'http', "invalid filter 'publish=http'");
  });
});

describe('matchesFilters', () => {
  it('finds all containers without health checks and outside of a swarm, as all of them are', () => {
    assert.equal(matches('health', 'none'), true);
    assert.equal(matches('health', 'healthy'), false);
    assert.equal(matches('is-task', 'false'), true);
    assert.equal(matches('is-task', 'true'), false);
    assert.equal(matches('publish', '80'), false);
    assert.equal(matches('volume', '/data'), false);
  });

  it('looks for exposed ports by number, range and protocol', () => {
    const config = { ExposedPorts: { '80/tcp': {}, '53/udp': {} } };
    for (const [value, found] of [
      ['80', true],
      ['80/tcp', true],
      ['70-90', true],
      ['81', false],
      ['80/udp', false],
      ['53/udp', true],
      ['53', false],
    ] as const) {
      assert.equal(matches('expose', value, config), found, value);
    }
  });
});
