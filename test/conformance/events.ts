/** What tests on both cgroup versions look for in the lines of \`events\`. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../harness/command.ts';
import type { Box } from './box.ts';

/** Waits for the file `eat`, then takes memory in a process of its own until that is killed. */
export const EATER = (out: string): string =>
  `echo up > ${out}/up; until [ -e ${out}/eat ]; do sleep 0.1; done; busybox tail /dev/zero`;

interface Stats {
  memory: { usage: { usage: number; limit: number } };
  pids: { current: number; limit: number };
}

export function statsOf(line: string, id: string): Stats {
  const event = JSON.parse(line) as { type: string; id: string; data: Stats };
  assert.deepEqual([event.type, event.id], ['stats', id]);
  return event.data;
}

/** The type of each value by its path; of lists and of what is named by the kernel only that it is one. */
export function typesOf(value: unknown, path = ''): Map<string, string> {
  if (Array.isArray(value)) return new Map([[path, 'list']]);
  if (typeof value !== 'object' || value === null) return new Map([[path, typeof value]]);
  return new Map(
    Object.entries(value).flatMap(([key, child]) => [...typesOf(child, path === '' ? key : `${path}.${key}`)]),
  );
}

/** How many kills are told of when a container that waits in EATER goes on. */
export async function oomOf(box: Box, id: string): Promise<number> {
  await eventually('the container is up', () => (existsSync(join(box.out, 'up')) ? true : null));
  await using events = box.calling(['events', '--interval', '100ms', id]);
  await events.until(/"type":"stats"/);
  writeFileSync(join(box.out, 'eat'), '');
  await events.until(/"type":"oom"/);
  assert.equal((await box.state(id)).status, 'running');
  await box.ok('kill', id, 'KILL');
  await box.reaches(id, 'stopped');
  await box.ok('delete', id);
  const { stdout } = await events.finished;
  const told = stdout.split('\n').filter((line) => line.includes('"oom"'));
  for (const line of told) assert.deepEqual(JSON.parse(line), { type: 'oom', id });
  return told.length;
}
