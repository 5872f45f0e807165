import type { ExplainLayer, Fact } from '../../api/types/explain.ts';
import { LANDLOCK_ABI_NEEDED, type LandlockAbsence, type LandlockMode } from '../../security/landlock.ts';
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

const MODES: Readonly<Record<LandlockMode, string>> = {
  default: 'signals and looks into processes stay inside',
  strict: 'signals, looks into processes and abstract unix sockets stay inside',
};

const WHY_ABSENT: Readonly<Record<LandlockAbsence, (abi: number) => string>> = {
  unconfined: () => 'It was asked for without (--security-opt landlock=unconfined).',
  kernel: (abi) =>
    `This kernel has ${abi === 0 ? 'no Landlock, or it is switched off' : `Landlock of version ${abi}, which cannot confine signals`}: version ${LANDLOCK_ABI_NEEDED} (Linux 6.12) is needed.`,
  runtime: () => "Another runtime makes the container: only isle's own has its monitor in one domain with it.",
  daemon: () => 'isled runs with --landlock off.',
  privileged: () => 'A privileged container has none unless it asks for one.',
  confined: () => 'The security module above confines it already, and keeps it from the same.',
  'module-off': () =>
    'It asked AppArmor or SELinux not to confine it. Landlock takes their place, so it steps back as well.',
  'joined-pid': () => "It is in another container's PID namespace, whose processes it is there to see.",
};

const WHY_LANDLOCK =
  "No signal reaches, and no look gets into, a process outside: not by the host's /proc in a mount, not in the host's PID namespace. It takes AppArmor's place where that does not confine the container; mounting and files it leaves alone.";

/** There is no file in which the kernel tells. */
function landlockFact({ landlock, kernel }: LayerInput): Fact {
  const { asked, abi, entered } = landlock;
  const words = (mode: LandlockMode | null): string => (mode === null ? 'none' : MODES[mode]);
  const wanted = typeof asked === 'string' ? asked : null;
  return fact(
    'Landlock domain',
    words(wanted),
    kernel && {
      text: words(entered),
      source: 'the record of its start, which had failed otherwise; the kernel tells nobody',
      holds: wanted === entered,
    },
    typeof asked === 'string' ? WHY_LANDLOCK : WHY_ABSENT[asked.absent](abi),
  );
}

export function lsmLayer(input: LayerInput): ExplainLayer {
  return {
    name: 'lsm',
    title: 'Security modules: what is refused whoever asks',
    summary:
      'A last fence inside the kernel, behind all others. It looks at what is to be done to what, not at who asks: root without a capability less is refused as well.',
    facts: [appArmorFact(input), ...selinuxFacts(input), landlockFact(input)],
  };
}
