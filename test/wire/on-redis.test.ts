/** The whole wire suite on one claimd over Redis. */
import { RedisTarget } from '../support/redis-service.ts';
import { describeWholeWire } from './suites/all.ts';

describeWholeWire(new RedisTarget(1));
