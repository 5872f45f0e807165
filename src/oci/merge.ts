/** An image's defaults under a container's own configuration, by Docker's rules. */
import type { ContainerConfig, HealthConfig } from './container-config.ts';
import type { ImageRunConfig } from './image-spec.ts';

const nameOf = (entry: string) => entry.split('=', 1)[0] ?? '';

function mergeEnv(own: readonly string[], image: readonly string[]): string[] {
  const names = new Set(own.map(nameOf));
  return [...own, ...image.filter((entry) => !names.has(nameOf(entry)))];
}

function mergeHealthcheck(own: HealthConfig | null | undefined, image: HealthConfig | undefined): HealthConfig | null {
  if (!image) return own ?? null;
  if (!own) return image;
  const merged: HealthConfig = { ...image };
  for (const [key, value] of Object.entries(own)) {
    const asked = Array.isArray(value) ? value.length > 0 : value !== 0 && value !== undefined && value !== null;
    if (asked) Object.assign(merged, { [key]: value });
  }
  return merged;
}

/**
 * A command given without an entrypoint keeps the image's entrypoint; an entrypoint that is given drops the image's
 * command; `[""]` (from `--entrypoint ""`) drops the image's entrypoint and is itself none.
 */
function mergeCommand(
  own: ContainerConfig,
  image: ImageRunConfig,
): { Cmd: string[] | null; Entrypoint: string[] | null } {
  const cleared = own.Entrypoint?.length === 1 && own.Entrypoint[0] === '';
  if (cleared) return { Cmd: own.Cmd ?? null, Entrypoint: null };
  if (own.Entrypoint?.length) return { Cmd: own.Cmd ?? null, Entrypoint: own.Entrypoint };
  return {
    Cmd: own.Cmd?.length ? own.Cmd : (image.Cmd ?? null),
    Entrypoint: own.Entrypoint ?? image.Entrypoint ?? null,
  };
}

/** Returns a new configuration; neither argument is changed. */
export function mergeImageConfig(own: ContainerConfig, image: ImageRunConfig): ContainerConfig {
  const healthcheck = mergeHealthcheck(own.Healthcheck, image.Healthcheck);
  return {
    ...own,
    ...mergeCommand(own, image),
    User: own.User || image.User || '',
    Env: mergeEnv(own.Env ?? [], image.Env ?? []),
    WorkingDir: own.WorkingDir || image.WorkingDir || '',
    StopSignal: own.StopSignal || image.StopSignal || '',
    Labels: { ...image.Labels, ...own.Labels },
    ExposedPorts: { ...image.ExposedPorts, ...own.ExposedPorts },
    Volumes: { ...own.Volumes, ...image.Volumes },
    ...(healthcheck === null ? {} : { Healthcheck: healthcheck }),
  };
}
