/** Lets a container go on when the test is ready for it, also while no daemon is there. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './command.ts';
import type { TestDaemon } from './daemon.ts';

const FLAG = '/tmp/isle-test-go-on';

/** A shell's command that takes until `tell` has been called, once. */
export const untilTold = `while ! rm ${FLAG} 2> /dev/null; do usleep 20000; done`;

/** To whoever waits in the root of this process. */
export function tell(pid: number): void {
  writeFileSync(join(`/proc/${pid}/root`, FLAG), '');
}

/** Waits for the container's monitor to have written down how it ended; needs no daemon. */
export async function hasEnded(daemon: TestDaemon, id: string): Promise<void> {
  await eventually(`${id} has ended`, () => existsSync(join(daemon.execRoot, 'containers', id, 'exit')) || null);
}
