/** Rules of the devices controller: the bundle's, and those that every container has. */
import type { DeviceRule } from '../oci/runtime-spec.ts';
import { DEFAULT_DEVICE_RULES } from '../oci/spec/devices.ts';

const isAny = (number: number | undefined) => number === undefined || number < 0;
const isAnyType = (type: DeviceRule['type'] | '') => type === undefined || type === 'a' || type === '';
const isForAll = ({ type, major, minor }: DeviceRule) => isAnyType(type) && isAny(major) && isAny(minor);

function overlap(one: DeviceRule, other: DeviceRule): boolean {
  const numbers = (a: number | undefined, b: number | undefined) => isAny(a) || isAny(b) || a === b;
  const types = isAnyType(one.type) || isAnyType(other.type) || one.type === other.type;
  const [access, otherAccess] = [one.access || 'rwm', other.access || 'rwm'];
  return (
    types &&
    numbers(one.major, other.major) &&
    numbers(one.minor, other.minor) &&
    ['r', 'w', 'm'].some((letter) => access.includes(letter) && otherAccess.includes(letter))
  );
}

/**
 * As runc: what is not allowed is denied, and the default devices are always allowed. A denial that takes nothing away
 * (dockerd denies /dev/fuse, which nothing allowed) is left out: next to the defaults cgroup v1 could not express it.
 */
export function withDefaultRules(given: readonly DeviceRule[]): DeviceRule[] {
  const [first, ...rest] = given;
  if (first?.allow === true && isForAll(first)) return [...given];
  const [denyAll, ...defaults] = DEFAULT_DEVICE_RULES;
  const rules = first !== undefined && isForAll(first) ? rest : given;
  const effective = rules.filter(
    (rule, index) => rule.allow || rules.slice(0, index).some((earlier) => earlier.allow && overlap(earlier, rule)),
  );
  return [...(denyAll === undefined ? [] : [denyAll]), ...effective, ...defaults];
}
