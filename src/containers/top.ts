/** `GET /containers/{name}/top`: what `ps` on the host would print of the container's processes, without running it. */
import { totalmem } from 'node:os';
import { EngineError } from '../errors.ts';
import { readFileOrNull } from './cgroup-parents.ts';
import type { Container } from './container.ts';
import { type ContainersContext, cgroupPath } from './context.ts';
import { isRestarting, notRunning } from './pause.ts';
import { type ProcessFacts, readProcesses } from './processes.ts';

interface View {
  nowMs: number;
  user: (uid: number) => string;
  group: (gid: number) => string;
}

interface Column {
  title: string;
  cell: (process: ProcessFacts, view: View) => string;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAY_MS = 86_400_000;
const two = (value: number) => String(Math.trunc(value)).padStart(2, '0');

function clock(seconds: number): string {
  const days = Math.trunc(seconds / 86_400);
  const hours = two((seconds % 86_400) / 3600);
  return `${days > 0 ? `${days}-` : ''}${hours}:${two((seconds % 3600) / 60)}:${two(seconds % 60)}`;
}

/** BSD's: minutes that go on beyond an hour. */
const minutes = (seconds: number) => `${Math.trunc(seconds / 60)}:${two(seconds % 60)}`;

function elapsed(seconds: number): string {
  const text = clock(seconds);
  return text.startsWith('00:') ? text.slice(3) : text;
}

/** The time of day within the last 24 hours, else the date. */
function started(startedMs: number, nowMs: number): string {
  const start = new Date(startedMs);
  if (nowMs - startedMs < DAY_MS) return `${two(start.getHours())}:${two(start.getMinutes())}`;
  return `${MONTHS[start.getMonth()] ?? ''}${two(start.getDate())}`;
}

/** Part of one processor since its start, in percent. */
function cpuPercent({ cpuSeconds, startedMs }: ProcessFacts, { nowMs }: View): number {
  const seconds = (nowMs - startedMs) / 1000;
  return seconds > 0 ? (cpuSeconds / seconds) * 100 : 0;
}

const memoryPercent = ({ residentKiB }: ProcessFacts) => ((residentKiB * 1024) / totalmem()) * 100;

const COLUMNS: Record<string, Column> = {
  pid: { title: 'PID', cell: ({ pid }) => String(pid) },
  ppid: { title: 'PPID', cell: ({ ppid }) => String(ppid) },
  pgid: { title: 'PGID', cell: ({ pgid }) => String(pgid) },
  sid: { title: 'SID', cell: ({ sid }) => String(sid) },
  uid: { title: 'UID', cell: ({ uid }) => String(uid) },
  gid: { title: 'GID', cell: ({ gid }) => String(gid) },
  user: { title: 'USER', cell: ({ uid }, view) => view.user(uid) },
  group: { title: 'GROUP', cell: ({ gid }, view) => view.group(gid) },
  comm: { title: 'COMMAND', cell: ({ comm }) => comm },
  args: { title: 'COMMAND', cell: ({ args }) => args },
  cmd: { title: 'CMD', cell: ({ args }) => args },
  stat: { title: 'STAT', cell: ({ state }) => state },
  tty: { title: 'TTY', cell: ({ tty }) => tty },
  ni: { title: 'NI', cell: ({ nice }) => String(nice) },
  pri: { title: 'PRI', cell: ({ priority }) => String(39 - priority) },
  nlwp: { title: 'NLWP', cell: ({ threads }) => String(threads) },
  vsz: { title: 'VSZ', cell: ({ virtualKiB }) => String(virtualKiB) },
  rss: { title: 'RSS', cell: ({ residentKiB }) => String(residentKiB) },
  '%cpu': { title: '%CPU', cell: (process, view) => cpuPercent(process, view).toFixed(1) },
  '%mem': { title: '%MEM', cell: (process) => memoryPercent(process).toFixed(1) },
  c: { title: 'C', cell: (process, view) => String(Math.min(99, Math.trunc(cpuPercent(process, view)))) },
  time: { title: 'TIME', cell: ({ cpuSeconds }) => clock(cpuSeconds) },
  bsdtime: { title: 'TIME', cell: ({ cpuSeconds }) => minutes(cpuSeconds) },
  etime: { title: 'ELAPSED', cell: ({ startedMs }, { nowMs }) => elapsed((nowMs - startedMs) / 1000) },
  stime: { title: 'STIME', cell: ({ startedMs }, { nowMs }) => started(startedMs, nowMs) },
  start: { title: 'START', cell: ({ startedMs }, { nowMs }) => started(startedMs, nowMs) },
};

/** Other names that ps has for the same. */
const ALIASES: Record<string, string> = {
  command: 'args',
  ucmd: 'comm',
  s: 'stat',
  state: 'stat',
  tt: 'tty',
  tname: 'tty',
  euser: 'user',
  uname: 'user',
  egroup: 'group',
  euid: 'uid',
  egid: 'gid',
  pgrp: 'pgid',
  sess: 'sid',
  session: 'sid',
  nice: 'ni',
  thcount: 'nlwp',
  vsize: 'vsz',
  rssize: 'rss',
  rsz: 'rss',
  pcpu: '%cpu',
  pmem: '%mem',
  cputime: 'time',
};

function column(name: string): Column {
  const found = COLUMNS[ALIASES[name] ?? name];
  if (found !== undefined) return found;
  throw new EngineError('InvalidParameter', `ps has no column "${name}" that isle knows`, {
    hint: `known columns: ${Object.keys(COLUMNS).join(', ')}`,
  });
}

/** `-ef`: the user's name under the title UID, as ps prints it. */
const FULL: readonly Column[] = [
  { ...column('user'), title: 'UID' },
  ...['pid', 'ppid', 'c', 'stime', 'tty', 'time', 'cmd'].map(column),
];
const SHORT: readonly Column[] = ['pid', 'tty', 'time', 'cmd'].map(column);
const BSD: readonly Column[] = ['pid', 'tty', 'stat', 'bsdtime', 'args'].map(column);
const BSD_USER: readonly Column[] = [
  'user',
  'pid',
  '%cpu',
  '%mem',
  'vsz',
  'rss',
  'tty',
  'stat',
  'start',
  'bsdtime',
  'args',
].map(column);

/** `pid,ppid`, `pid=ID` with a title of its own, which goes on to the end. */
function columnsOf(list: string): Column[] {
  const equals = list.indexOf('=');
  const names = (equals < 0 ? list : list.slice(0, equals)).split(',').filter((name) => name !== '');
  const columns = names.map((name) => column(name.toLowerCase()));
  const last = columns.at(-1);
  if (equals < 0 || last === undefined) return columns;
  return [...columns.slice(0, -1), { ...last, title: list.slice(equals + 1) }];
}

function unsupported(psArgs: string): EngineError {
  return new EngineError('InvalidParameter', `ps arguments ${JSON.stringify(psArgs)} are not supported by isle`, {
    hint: 'isle reads /proc itself and knows -ef, -e, aux, ax and -o with columns, such as -o pid,user,cmd',
  });
}

/** Which columns `ps` with these arguments prints. Which processes it would choose does not matter: they are given. */
export function parsePsArgs(psArgs: string): readonly Column[] {
  const words = psArgs.trim().split(/\s+/).filter(Boolean);
  const chosen: Column[] = [];
  let layout = SHORT;
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    const format = /^-?[eaxA]*o(.*)$/.exec(word);
    if (format !== null) {
      const columns = columnsOf(format[1] || (words[++index] ?? ''));
      if (columns.length === 0) throw unsupported(psArgs);
      chosen.push(...columns);
    } else if (/^-[eAf]+$/.test(word)) layout = word.includes('f') ? FULL : layout;
    else if (/^-?[aux]+$/.test(word)) layout = word.includes('u') ? BSD_USER : BSD;
    else throw unsupported(psArgs);
  }
  return chosen.length > 0 ? chosen : layout;
}

/** The host's names, as ps on the host shows them; a container may give the same number another name. */
function names(path: string): (id: number) => string {
  const known = new Map<number, string>();
  for (const line of (readFileOrNull(path) ?? '').split('\n')) {
    const [name = '', , id = ''] = line.split(':');
    if (id !== '' && !known.has(Number(id))) known.set(Number(id), name);
  }
  return (id) => known.get(id) ?? String(id);
}

export function listProcesses(
  context: ContainersContext,
  container: Container,
  psArgs: string,
): { Titles: string[]; Processes: string[][] } {
  const columns = parsePsArgs(psArgs);
  if (container.restarting) throw isRestarting(container.record);
  if (!container.running) throw notRunning(container.record);
  const { procs } = context.cgroups.files(cgroupPath(context, container.record));
  const view: View = { nowMs: Date.now(), user: names('/etc/passwd'), group: names('/etc/group') };
  return {
    Titles: columns.map(({ title }) => title),
    Processes: readProcesses(procs ?? '').map((process) => columns.map(({ cell }) => cell(process, view))),
  };
}
