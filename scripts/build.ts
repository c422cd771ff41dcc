/** `npm run build`: makes dist, the programs as they ship; `npm start` does so first. Under a second. */
import { bundle, DIST } from './bundle/bundle.ts';

await bundle(DIST);
