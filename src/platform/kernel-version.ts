import { release } from 'node:os';

/** [major, minor] of the running kernel. */
export function kernelVersion(): [number, number] {
  const [major, minor] = release().split('.');
  return [Number(major), Number(minor)];
}
