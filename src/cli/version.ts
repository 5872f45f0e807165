import packageJson from '../../package.json' with { type: 'json' };

/** isle's own version, from its package. */
export const ISLE_VERSION: string = packageJson.version;
