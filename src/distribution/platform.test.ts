import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Descriptor } from '../oci/image-spec.ts';
import { choosePlatform, formatPlatform, hostPlatform, matchesPlatform, parsePlatform } from './platform.ts';

function entry(platform: string | undefined): Descriptor {
  const base = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: `sha256:${'0'.repeat(64)}`, size: 1 };
  if (platform === undefined) return { ...base, annotations: { name: 'none' } };
  const [os = '', architecture = '', variant] = platform.split('/');
  return {
    ...base,
    annotations: { name: platform },
    platform: { os, architecture, ...(variant === undefined ? {} : { variant }) },
  };
}

function chosen(offered: (string | undefined)[], wanted: string): string | undefined {
  return choosePlatform(offered.map(entry), parsePlatform(wanted))?.annotations?.['name'];
}

describe('platforms', () => {
  it('are read in all their forms', () => {
    assert.equal(formatPlatform(parsePlatform('linux/amd64')), 'linux/amd64');
    assert.equal(formatPlatform(parsePlatform('linux/x86_64')), 'linux/amd64');
    assert.equal(formatPlatform(parsePlatform('linux/arm64/v8')), 'linux/arm64');
    assert.equal(formatPlatform(parsePlatform('Linux/ARM')), 'linux/arm/v7');
    assert.equal(formatPlatform(parsePlatform('armhf')), 'linux/arm/v7');
    assert.equal(formatPlatform(parsePlatform('linux')), formatPlatform(hostPlatform()));
    assert.equal(formatPlatform(hostPlatform('x64')), 'linux/amd64');
  });

  it('that make no sense are refused', () => {
    assert.throws(
      () => parsePlatform('toaster'),
      /"toaster": unknown operating system or architecture: invalid argument/,
    );
    assert.throws(() => parsePlatform('a/b/c/d'), /invalid argument/);
    assert.throws(() => parsePlatform('linux/'), /invalid argument/);
  });

  it('choose the entry that fits best', () => {
    assert.equal(chosen(['linux/arm64', 'linux/amd64', 'windows/amd64'], 'linux/amd64'), 'linux/amd64');
    assert.equal(chosen(['linux/amd64/v3', 'linux/amd64'], 'linux/amd64'), 'linux/amd64');
    assert.equal(chosen(['linux/amd64', 'linux/amd64/v2', 'linux/amd64/v4'], 'linux/amd64/v3'), 'linux/amd64/v2');
    assert.equal(chosen(['linux/arm/v5', 'linux/arm/v6', 'linux/arm/v7'], 'linux/arm/v6'), 'linux/arm/v6');
    assert.equal(chosen(['linux/arm/v7'], 'linux/arm64'), 'linux/arm/v7');
    assert.equal(chosen(['linux/arm/v7', 'linux/arm64/v8'], 'linux/arm64'), 'linux/arm64/v8');
  });

  it('never choose what cannot run, nor attestations', () => {
    assert.equal(chosen(['linux/arm64', 'unknown/unknown'], 'linux/amd64'), undefined);
    assert.equal(chosen(['linux/amd64/v2'], 'linux/amd64'), undefined);
    assert.equal(matchesPlatform(parsePlatform('linux/386'), parsePlatform('linux/amd64')), false);
  });

  it('take an entry without a platform only when no other fits', () => {
    assert.equal(chosen([undefined, 'linux/amd64'], 'linux/amd64'), 'linux/amd64');
    assert.equal(chosen([undefined, 'linux/arm64'], 'linux/amd64'), 'none');
  });
});
