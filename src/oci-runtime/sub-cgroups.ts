/** `exec --cgroup`: a process in a cgroup that exists below the container's, as runc: `[CONTROLLER[,...]:]PATH`. */
import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { EngineError } from '../errors.ts';
import type { CgroupLayout } from '../runtime/cgroups/index.ts';
import type { Plan, PlanOp } from '../runtime/plan/table.ts';

interface Wanted {
  /** null: all hierarchies */
  controllers: string[] | null;
  path: string;
}

const wrong = (given: string, problem: string) =>
  new EngineError('InvalidParameter', `invalid --cgroup argument: ${given} (${problem})`, {
    hint: "PATH below the container's own cgroup; on cgroup v1 also CONTROLLER:PATH, once for each controller",
  });

function parse(given: string): Wanted {
  const [first = '', second, ...more] = given.split(':');
  if (more.length > 0) throw wrong(given, 'one colon at most');
  const path = posix.normalize(`/${second ?? first}`);
  if ((second ?? first).split('/').includes('..')) throw wrong(given, 'leads out of the container');
  return {
    controllers: second === undefined ? null : first.split(','),
    path: path === '/' ? '' : path.replace(/\/$/, ''),
  };
}

function parseAll(given: readonly string[], layout: CgroupLayout): Wanted[] {
  const all = given.map(parse);
  all.forEach(({ controllers }, index) => {
    const text = given[index] ?? '';
    if (controllers === null && all.length > 1) throw wrong(text, 'missing <controller>: prefix');
    for (const name of controllers ?? []) {
      if (!layout.v1.some((hierarchy) => hierarchy.controllers.includes(name))) {
        throw wrong(text, `no cgroup v1 hierarchy has the controller ${name}`);
      }
    }
  });
  return all;
}

/** The plan with its joins led into the cgroups that `given` names. Throws InvalidParameter for one that is not there. */
export function intoSubCgroups({ ops }: Plan, given: readonly string[], layout: CgroupLayout): Plan {
  const wanted = parseAll(given, layout);
  const pathAt = (directory: string) => {
    const hierarchy = layout.v1.find(({ mountPoint }) => directory.startsWith(`${mountPoint}/`));
    const found = wanted.find(
      ({ controllers }) => controllers === null || hierarchy?.controllers.some((name) => controllers.includes(name)),
    );
    const target = `${directory}${found?.path ?? ''}`;
    if (!existsSync(target)) throw wrong(given.join(' '), `${target} does not exist`);
    return target;
  };
  const led = (one: PlanOp): PlanOp => {
    if (one.op === 'cgroupInto') return { ...one, args: { path: pathAt(one.args.path) } };
    if (one.op !== 'cgroupJoin') return one;
    return { ...one, args: { path: `${pathAt(posix.dirname(one.args.path))}/${posix.basename(one.args.path)}` } };
  };
  return wanted.length === 0 ? { ops } : { ops: ops.map(led) };
}
