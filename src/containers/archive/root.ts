/** A container's files from outside, and the ids in them. */
import { statSync } from 'node:fs';
import { EngineError } from '../../errors.ts';
import { bindRequests } from '../../oci/spec/binds.ts';
import { PlanError } from '../../runtime/plan-error.ts';
import type { ContainerRoot } from '../../runtime/plan/archive.ts';
import type { Container } from '../container.ts';
import type { ContainersContext } from '../context.ts';
import { firstProcess } from '../exec/plan.ts';

export function containerRoot(context: ContainersContext, container: Container): ContainerRoot {
  const { record } = container;
  if (container.running) return { joined: firstProcess(context, container) };
  const binds = bindRequests(record.hostConfig).flatMap(({ source, target, readonly }) => {
    const stats = statSync(source, { throwIfNoEntry: false });
    return stats === undefined ? [] : [{ source, target, readOnly: readonly !== 'no', isFile: !stats.isDirectory() }];
  });
  return { overlay: context.snapshots.container(record.id), idMap: record.idMap ?? null, binds };
}

/**
 * Runs what mounts the root of a container that does not run, in the container's turn: two mounts of one writable layer at
 * the same time, such as its start's, take the kernel's work directory from each other (ENOENT). dockerd locks it too.
 */
export function whileNotStarted<T>(container: Container, body: () => Promise<T>): Promise<T> {
  return container.running ? body() : container.exclusive(body);
}

/** Operations that look at the first process of a container that runs. */
const OF_PROCESS: ReadonlySet<string> = new Set(['rootOf', 'joinOpen']);

/** What the kernel said of a path, in Docker's words. */
export function pathError(thrown: unknown, container: Container, path: string): unknown {
  if (!(thrown instanceof PlanError)) return thrown;
  const { record } = container;
  if (thrown.errno === 'ESRCH' || (OF_PROCESS.has(thrown.operation) && thrown.errno === 'ENOENT')) {
    const message = `container ${record.id} ended while its files were looked at`;
    return new EngineError('Conflict', message, { hint: 'ask again: they are there still', cause: thrown });
  }
  if (thrown.operation === 'packTree' && thrown.errno === 'ENOENT') {
    return new EngineError('NotFound', `Could not find the file ${path} in container ${record.name}`, {
      cause: thrown,
    });
  }
  if (thrown.operation === 'packTree' && thrown.errno === 'ENOTDIR') {
    return new EngineError('InvalidParameter', `not a directory: ${path} in container ${record.name}`, {
      cause: thrown,
    });
  }
  if (thrown.errno === 'EROFS') {
    return new EngineError('Forbidden', `mount is marked read-only: ${path} in container ${record.name}`, {
      cause: thrown,
    });
  }
  return thrown;
}
