/** The whole wire suite on the embedded default. */
import { SQLITE } from '../support/sqlite-service.ts';
import { describeWholeWire } from './suites/all.ts';

describeWholeWire(SQLITE);
