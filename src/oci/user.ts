/**
 * `--user` to numbers, by the image's own passwd and group files, with the semantics of moby/sys/user. Both files are
 * the container's and may hold anything: a line that is not well-formed names nobody.
 */
import { EngineError } from '../errors.ts';

export interface ResolvedUser {
  uid: number;
  gid: number;
  /** The primary group first, as Docker sets it, then the groups of /etc/group, then `--group-add`. */
  additionalGids: number[];
  /** The home directory that passwd gives; `/` where it gives none. */
  home: string;
}

export interface UserRequest {
  /** `USER`, `UID`, `USER:GROUP`, `UID:GID`, `:GROUP` ... or '' for root */
  user: string;
  groupAdd: readonly string[];
  /** The files' text; null where the image has none. */
  passwd: string | null;
  group: string | null;
}

interface PasswdEntry {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

interface GroupEntry {
  name: string;
  gid: number;
  members: string[];
}

const MAX_ID = 2 ** 31 - 1;
/** NGROUPS_MAX of the kernel. */
const MAX_GROUPS = 65_536;
const NO_PASSWD = 'no matching entries in passwd file';
const NO_GROUP = 'no matching entries in group file';

function failure(message: string, hint: string): EngineError {
  return new EngineError('InvalidParameter', message, { hint });
}

/** null: not a number, so a name. */
function parseId(text: string): number | null {
  if (!/^[+-]?\d+$/.test(text)) return null;
  const id = Number(text);
  if (id < 0 || id > MAX_ID) throw failure(`uids and gids must be in range 0-${MAX_ID}`, `${text} is outside of it`);
  return id;
}

const fileId = (text: string | undefined) =>
  text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
const validId = (id: number) => id >= 0 && id <= MAX_ID;

/** Lines that a C program could read to their end; a NUL would cut them for some readers only. */
const linesOf = (text: string) => text.split('\n').filter((line) => !line.includes('\0'));

/** Compatibility lines of NIS (`+`, `-`) are names that nobody has; numbers that are none drop the line. */
function parsePasswd(text: string): PasswdEntry[] {
  return linesOf(text).flatMap((line) => {
    const [name = '', , uid, gid, , home = ''] = line.trim().split(':');
    const entry = { name, uid: fileId(uid), gid: fileId(gid), home };
    return name !== '' && validId(entry.uid) && validId(entry.gid) ? [entry] : [];
  });
}

function parseGroup(text: string): GroupEntry[] {
  return linesOf(text).flatMap((line) => {
    const [name = '', , gid, members = ''] = line.trim().split(':');
    const entry = { name, gid: fileId(gid), members: members.split(',').filter(Boolean) };
    return name !== '' && validId(entry.gid) ? [entry] : [];
  });
}

function findUser(name: string, entries: readonly PasswdEntry[]): { uid: number; entry: PasswdEntry | undefined } {
  const id = name === '' ? 0 : parseId(name);
  const entry = entries.find((candidate) => (id === null ? candidate.name === name : candidate.uid === id));
  if (entry !== undefined) return { uid: entry.uid, entry };
  if (id !== null) return { uid: id, entry: undefined };
  throw failure(
    `unable to find user ${name}: ${NO_PASSWD}`,
    "name a user of the image's /etc/passwd, or give a numeric id",
  );
}

function findGroup(name: string, entries: readonly GroupEntry[]): number {
  const id = parseId(name);
  if (id !== null) return id;
  const entry = entries.find((candidate) => candidate.name === name);
  if (entry !== undefined) return entry.gid;
  throw failure(
    `unable to find group ${name}: ${NO_GROUP}`,
    "name a group of the image's /etc/group, or give a numeric id",
  );
}

/** Throws InvalidParameter in Docker's words where a name is in neither file or a number is out of range. */
export function resolveUser({ user, groupAdd, passwd, group }: UserRequest): ResolvedUser {
  const split = user.indexOf(':');
  const userName = split < 0 ? user : user.slice(0, split);
  const groupName = split < 0 ? '' : user.slice(split + 1);
  const groups = parseGroup(group ?? '');
  const { uid, entry } = findUser(userName, parsePasswd(passwd ?? ''));
  const gid = groupName === '' ? (entry?.gid ?? 0) : findGroup(groupName, groups);
  // An explicit group stands alone; otherwise every group that lists the user comes along, root's too.
  const own = groupName === '' && entry ? groups.filter(({ members }) => members.includes(entry.name)) : [];
  const added = groupAdd.map((name) => findGroup(name, groups));
  const additionalGids = [...new Set([gid, ...own.map((candidate) => candidate.gid), ...added])];
  if (additionalGids.length > MAX_GROUPS) {
    throw failure(
      `${additionalGids.length} groups of user ${user || 'root'}: a process has at most ${MAX_GROUPS}`,
      "look at the image's /etc/group, or give a group",
    );
  }
  return { uid, gid, additionalGids, home: entry?.home || '/' };
}
