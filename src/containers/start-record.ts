/**
 * What a start has reserved, in the state directory before the monitor is there: when isled dies before the database has
 * it, the next one finds it beside the monitor. Not flushed: the kernel that frees the container frees this too.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonIfThere } from '../platform/read-file.ts';
import { type ContainersContext, stateDir } from './context.ts';
import type { ContainerRecord } from './record.ts';

type StartRecord = Pick<ContainerRecord, 'endpoint' | 'user' | 'landlock'>;

function path(context: ContainersContext, id: string): string {
  return join(stateDir(context, id), 'start.json');
}

export function writeStartRecord(context: ContainersContext, { id, endpoint, user, landlock }: ContainerRecord): void {
  const text: StartRecord = { endpoint, user, landlock: landlock ?? null };
  writeFileSync(path(context, id), JSON.stringify(text), { mode: 0o600 });
}

/** null: no start was begun, or none came as far as to hand its plan over. */
export function readStartRecord(context: ContainersContext, id: string): StartRecord | null {
  return jsonIfThere(path(context, id)) as StartRecord | null;
}
