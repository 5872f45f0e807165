import { join } from 'node:path';
import { main } from '../src/oci-runtime/main.ts';

// Beside dist/, where this program's bundle is, and beside bin/.
const islet = join(import.meta.dirname, '../native/build/islet');

process.exit(await main(process.argv.slice(2), islet));
