/** The whole wire suite on three replicas over one Redis, every call to one of them by chance. */
import { RedisTarget } from '../support/redis-service.ts';
import { describeWholeWire } from './suites/all.ts';

describeWholeWire(new RedisTarget(3));
