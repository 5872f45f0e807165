/** Who the container runs as: its passwd and group files are read by islet inside the root, and parsed here. */
import { readdirSync } from 'node:fs';
import { resolveUser } from '../oci/user.ts';
import { compileReadPlan } from '../runtime/plan/compile.ts';
import type { AccountFiles, ContainersContext } from './context.ts';
import { type ContainerRecord, type UserRecord, ZERO_TIME } from './record.ts';

export const ACCOUNT_PATHS = ['/etc/passwd', '/etc/group'];
export const MAX_ACCOUNT_FILE_BYTES = 1024 * 1024;
const CACHED_CHARACTERS = 64 * 1024;

/**
 * A fresh container sees its image's files, which are read once an image; one that has run before may have changed
 * them, and must not decide who another container of its image runs as. Throws InvalidParameter ("unable to find user ...") as Docker does.
 */
export async function resolveContainerUser(context: ContainersContext, record: ContainerRecord): Promise<UserRecord> {
  const fresh = record.state.startedAt === ZERO_TIME && isEmpty(context.snapshots.upperDir(record.id));
  const key = record.diffIds.join();
  const cached = fresh ? context.accounts.get(key) : undefined;
  const files = cached ?? (await readAccountFiles(context, record));
  if (fresh && isSmall(files)) context.accounts.set(key, files);
  return resolveUser({ user: record.config.User ?? '', groupAdd: record.hostConfig.GroupAdd ?? [], ...files });
}

/** What an image brings along must not fill the daemon's memory. */
function isSmall({ passwd, group }: AccountFiles): boolean {
  return (passwd?.length ?? 0) + (group?.length ?? 0) <= CACHED_CHARACTERS;
}

/** Of a container that never ran. The names, which may be links to anywhere on the host, are not looked up. */
function isEmpty(directory: string): boolean {
  return readdirSync(directory).length === 0;
}

async function readAccountFiles(context: ContainersContext, record: ContainerRecord): Promise<AccountFiles> {
  const overlay = context.snapshots.container(record.id);
  const plan = compileReadPlan({ overlay, paths: ACCOUNT_PATHS, maxBytes: MAX_ACCOUNT_FILE_BYTES });
  return accountTexts(await context.launcher.run(plan));
}

/** What was read of ACCOUNT_PATHS. */
export function accountTexts([passwd, group]: readonly (Uint8Array | null)[]): AccountFiles {
  const text = (bytes: Uint8Array | null | undefined) => (bytes ? Buffer.from(bytes).toString('utf8') : null);
  return { passwd: text(passwd), group: text(group) };
}
