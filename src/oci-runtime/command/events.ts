/** events: a container's counters, and its OOM kills as they happen. */
import { setTimeout } from 'node:timers/promises';
import { EngineError } from '../../errors.ts';
import type { Command } from '../context.ts';
import { parseDuration } from '../duration.ts';
import { type Flags, parseFlags } from '../flags.ts';
import { OomCounter } from '../oom.ts';
import { cgroupBackend, loadIfThere, loadState, statusOf } from '../state.ts';
import { statsLine } from '../stats.ts';
import { onlyId } from './lifecycle.ts';
import { print } from '../output.ts';

export const EVENTS_FLAGS: Flags = {
  stats: { kind: 'switch', usage: 'the counters once' },
  interval: { kind: 'text', usage: 'time between two reports of the counters, such as 500ms or 1m (5s)' },
};

/** cgroup v1 tells only through an eventfd, which Node cannot make; a counter that is read loses nothing meanwhile. */
const OOM_LOOK_MS = 200;

export const events: Command = async (context, args) => {
  const flags = parseFlags(EVENTS_FLAGS, args);
  const { id, cgroupsPath } = loadState(context.root, onlyId(flags));
  const interval = parseDuration(flags.text('interval') ?? '5s', 'interval');
  const isThere = () => !['stopped', null].includes(statusIfThere(context.root, id));
  if (!isThere()) throw new EngineError('Conflict', `container with id ${id} is not running`);
  const backend = cgroupBackend();
  if (flags.on('stats')) {
    print(statsLine(backend, cgroupsPath, id));
    return 0;
  }
  // Who reads may have enough of it.
  process.stdout.once('error', () => process.exit(0));
  const oom = new OomCounter(backend, cgroupsPath);
  const tell = () => print(`${JSON.stringify({ type: 'oom', id })}\n`.repeat(oom.more()));
  let next = performance.now();
  for (;;) {
    // Looked at before the counter: the kill that ended the container is in it.
    const goesOn = isThere();
    tell();
    if (!goesOn) return 0;
    if (performance.now() >= next) {
      print(statsLine(backend, cgroupsPath, id));
      next = performance.now() + interval;
    }
    await setTimeout(Math.min(OOM_LOOK_MS, interval));
  }
};

/** null: it was deleted. */
function statusIfThere(root: string, id: string): string | null {
  const [saved] = loadIfThere(root, id);
  return saved === undefined ? null : statusOf(root, saved);
}
