/** The answer of `GET /isle/v1/explain/{containers|images}/{name}`: isolation, layer by layer, in words. */
export interface Fact {
  /** What this is about, in the field's term: "pid namespace", "CapEff", "memory limit". */
  what: string;
  /** What the configuration (or a default) asked for. */
  asked: string;
  /** What the kernel says now; null when the container does not run. */
  enforced: string | null;
  /** Where `enforced` was read: "/proc/4711/status: CapEff". */
  source: string | null;
  /** Does the kernel enforce what was asked? null when it cannot be told (not running). */
  holds: boolean | null;
  /** Why this exists, for a newcomer, in one or two sentences. */
  why: string;
}

export interface ExplainLayer {
  /** Stable word: namespaces, rootfs, mounts, devices, capabilities, seccomp, cgroups, network, user, process, image ... */
  name: string;
  title: string;
  /** One or two sentences for a newcomer. */
  summary: string;
  facts: Fact[];
}

export interface Explanation {
  subject: { kind: 'container' | 'image'; id: string; name: string; state: string; pid: number | null };
  layers: ExplainLayer[];
  /** The isolation plan's operations in order, in words: [{section, step, text}]; empty for an image. */
  plan: { section: string; step: string; text: string }[];
}
