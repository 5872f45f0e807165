import { join } from 'node:path';
import { main } from '../src/oci-runtime/main.ts';
import { allPrinted } from '../src/oci-runtime/output.ts';

// Beside dist/, where this program's bundle is, and beside bin/.
const islet = join(import.meta.dirname, '../native/build/islet');

const code = await main(process.argv.slice(2), islet);
await allPrinted();
process.exit(code);
