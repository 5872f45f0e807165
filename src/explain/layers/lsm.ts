import type { ExplainLayer, Fact } from '../../api/types/explain.ts';
import { type Enforced, fact, said } from '../fact.ts';
import type { KernelText, LayerInput } from '../types.ts';
import { selinuxFacts } from './selinux.ts';

const UNCONFINED = 'unconfined';

/** "isle-default (enforce)": a profile and what it is used for; one that only complains refuses nothing. */
function appArmorEnforced(label: KernelText, asked: string): Enforced {
  const text = said(label, (content) => content.replace(/\0$/, '').trim());
  const [, name = '', mode] = /^(.*?)(?: \((\w+)\))?$/s.exec(text ?? '') ?? [];
  // A profile may lead its programs into one of its own children.
  const isAsked = name === asked || name.startsWith(`${asked}//`);
  const isEnforced = asked === UNCONFINED || mode === 'enforce';
  return { text, source: label.path, holds: isAsked && !isEnforced ? null : isAsked };
}

const WHY_CONFINED =
  'A profile names files, mounts and signals that its programs are refused, root or not: it still holds where a mask or a capability gives way. The engine gives containers its own, isle-default, which closes the settings of the kernel in /proc and /sys, mounting, and the processes outside.';
const WHY_UNCONFINED =
  'No profile confines it: it was asked for so, or the container is privileged. What masks, capabilities and seccomp leave open is open.';
const WHY_NO_PROFILE =
  "This kernel has AppArmor but not the engine's profile: `docker info` shows why. The other layers stand alone.";
const WHY_NO_MODULE = 'AppArmor is not active on this host, so no profile can confine anything here.';

function appArmorFact({ spec, kernel, modules }: LayerInput): Fact {
  const profile = spec.process?.apparmorProfile ?? '';
  if (!modules.includes('apparmor')) {
    return fact(
      'AppArmor profile',
      'none',
      kernel && { text: null, source: 'the list of active modules', holds: null },
      WHY_NO_MODULE,
    );
  }
  const why = profile === '' ? WHY_NO_PROFILE : profile === UNCONFINED ? WHY_UNCONFINED : WHY_CONFINED;
  return fact(
    'AppArmor profile',
    profile || 'none',
    kernel && appArmorEnforced(kernel.label, profile || UNCONFINED),
    why,
  );
}

export function lsmLayer(input: LayerInput): ExplainLayer {
  return {
    name: 'lsm',
    title: 'Security modules: what is refused whoever asks',
    summary:
      'A last fence inside the kernel, behind all others. It looks at what is to be done to what, not at who asks: root without a capability less is refused as well.',
    facts: [appArmorFact(input), ...selinuxFacts(input)],
  };
}
