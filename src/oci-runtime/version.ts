import packageJson from '../../package.json' with { type: 'json' };

export const ISLE_VERSION: string = packageJson.version;
