/** The whole wire suite on a claimd with several ingress threads. */
import { onSqlite } from '../support/sqlite-service.ts';
import { describeWholeWire } from './suites/all.ts';

describeWholeWire(onSqlite(3));
