import { systemClock } from '../../src/clock/clock.ts';
import { InlinePool } from '../../src/pool/inline-pool.ts';
import { testMemory } from '../support/memory.ts';
import { describePoolContract } from './pool-contract.ts';

describePoolContract('inline', () => new InlinePool(testMemory({ workers: 1 }), systemClock));
