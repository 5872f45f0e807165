/** What a pull needs to know of a reference; whether it is a good one is the engine's to judge. */
export interface ReferenceParts {
  /** Without tag and digest. */
  repository: string;
  /** The tag, `latest` when none was given, or the digest (`sha256:...`). */
  tag: string;
  /** As messages show it: with its tag. */
  text: string;
}

/** Splits `host:5000/name:tag` and `name@sha256:...`. */
export function splitReference(reference: string): ReferenceParts {
  const at = reference.indexOf('@');
  if (at >= 0) return { repository: reference.slice(0, at), tag: reference.slice(at + 1), text: reference };
  const colon = reference.indexOf(':', reference.lastIndexOf('/') + 1);
  if (colon < 0) return { repository: reference, tag: 'latest', text: `${reference}:latest` };
  return { repository: reference.slice(0, colon), tag: reference.slice(colon + 1), text: reference };
}
