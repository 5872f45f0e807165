import type { ContainersContext } from './context.ts';
import type { ContainerRecord } from './record.ts';

/** Writes what has happened already: a full disk must not keep a client from hearing of it. False when it is not written. */
export function writeRecord(context: ContainersContext, record: ContainerRecord): boolean {
  try {
    context.store.update(record);
    return true;
  } catch (thrown) {
    context.log.error({ container: record.id, err: thrown }, 'cannot write the state of a container to the database');
    return false;
  }
}
