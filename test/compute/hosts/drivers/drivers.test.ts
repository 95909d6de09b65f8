/** Every configuration of every driver, by the one contract. */
import { afterAll, beforeAll } from 'vitest';
import { type Cloud, startCloud } from '../../../fixtures/cloud.ts';
import { contract } from './contract.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 3, retryAfter: 20 });
});
afterAll(() => cloud?.stop());

contract('hosts that answer at once', {}, () => cloud);
contract('hosts that report later', { reportAfter: 1 }, () => cloud);
contract('hosts that report in the same moment, but by the queue', { reportAfter: 0 }, () => cloud);
contract('hosts that report twice', { reportAfter: 1, doubledReports: true }, () => cloud);
