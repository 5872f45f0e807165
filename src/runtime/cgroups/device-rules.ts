/** Device rules in a form that both cgroup versions can follow: no wildcard that a version reads in its own way. */
import { EngineError } from '../../errors.ts';
import type { DeviceRule } from '../../oci/runtime-spec.ts';

/** A rule for one type of device; null stands for every number. */
export interface PlainRule {
  allow: boolean;
  type: 'c' | 'b';
  major: number | null;
  minor: number | null;
  /** of `r`, `w`, `m`, each at most once, in this order */
  access: string;
}

/** `all`: the whole state starts anew, with everything allowed or denied. */
export interface DeviceRuleSet {
  allowAll: boolean;
  rules: PlainRule[];
}

const ACCESS = ['r', 'w', 'm'];

function accessOf(rule: DeviceRule): string {
  const asked = rule.access ?? 'rwm';
  if (asked === '' || Array.from(asked).some((letter) => !ACCESS.includes(letter))) {
    throw new EngineError('InvalidParameter', `invalid device rule: access "${asked}" is not made of r, w and m`);
  }
  return ACCESS.filter((letter) => asked.includes(letter)).join('');
}

/** The OCI spec gives -1 as well as an absent number the meaning "all of them". */
function numberOf(value: number | undefined): number | null {
  if (value === undefined || value === -1) return null;
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
    throw new EngineError('InvalidParameter', `invalid device rule: ${value} is no device number`);
  }
  return value;
}

/**
 * Splits rules for all types in two: the kernel's v1 files take `a 1:3 r` for "everything", whatever follows the a. A
 * rule that really covers everything makes those before it void. Without any rule everything is allowed, as the
 * kernel has it.
 */
export function plainRules(rules: readonly DeviceRule[]): DeviceRuleSet {
  let set: DeviceRuleSet = { allowAll: true, rules: [] };
  for (const rule of rules) {
    const { allow, type = 'a' } = rule;
    const plain = { allow, major: numberOf(rule.major), minor: numberOf(rule.minor), access: accessOf(rule) };
    if (type === 'a' && plain.major === null && plain.minor === null && plain.access === 'rwm') {
      set = { allowAll: allow, rules: [] };
    } else {
      const types = type === 'a' ? (['c', 'b'] as const) : [type];
      set.rules.push(...types.map((one) => ({ ...plain, type: one })));
    }
  }
  return set;
}

/** In the words of devices.allow: `c 1:3 rwm`. */
export function ruleText({ type, major, minor, access }: PlainRule): string {
  return `${type} ${major ?? '*'}:${minor ?? '*'} ${access}`;
}

const covers = (wide: number | null, narrow: number | null) => wide === null || narrow === null || wide === narrow;

function overlap(a: PlainRule, b: PlainRule): boolean {
  const shared = Array.from(a.access).some((letter) => b.access.includes(letter));
  return shared && a.type === b.type && covers(a.major, b.major) && covers(a.minor, b.minor);
}

/**
 * A v1 list holds exceptions to one default, and taking a part out of an exception does nothing: the kernel only removes
 * an exception of the very same numbers. Such a rule would be ignored without a word, so it is refused.
 */
export function checkV1Rules({ rules }: DeviceRuleSet): void {
  for (const [index, rule] of rules.entries()) {
    const carved = rules
      .slice(0, index)
      .find(
        (earlier) =>
          earlier.allow !== rule.allow &&
          overlap(earlier, rule) &&
          !(earlier.major === rule.major && earlier.minor === rule.minor),
      );
    if (carved === undefined) continue;
    const words = (one: PlainRule) => `${one.allow ? 'allow' : 'deny'} ${ruleText(one)}`;
    throw new EngineError(
      'InvalidParameter',
      `device rule "${words(rule)}" takes away a part of "${words(carved)}", which cgroup v1 cannot express`,
      { hint: 'name the devices one by one, or use a host with cgroup v2' },
    );
  }
}
