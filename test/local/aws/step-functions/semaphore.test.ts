import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createSemaphore } from '../../../../local/aws/step-functions/semaphore.ts';

it('runs as much work at once as it has permits, and the rest in the order of coming', async () => {
  const semaphore = createSemaphore(2, 10_000);
  const order: number[] = [];
  let running = 0;
  let most = 0;
  const work = (number: number) => async () => {
    most = Math.max(most, ++running);
    order.push(number);
    await sleep(5);
    running -= 1;
    return number;
  };
  expect(await Promise.all([1, 2, 3, 4, 5].map((number) => semaphore.acquire(work(number))))).toEqual([1, 2, 3, 4, 5]);
  expect(order).toEqual([1, 2, 3, 4, 5]);
  expect(most).toBe(2);
});

it('passes a permit on when its work takes too long, and once only', async () => {
  const semaphore = createSemaphore(1, 20);
  const slow = semaphore.acquire(() => sleep(200, 'slow'));
  expect(await Promise.race([slow, semaphore.acquire(async () => 'quick')])).toBe('quick');
  expect(await slow).toBe('slow');
  let running = 0;
  const alone = async () => {
    expect(++running).toBe(1);
    await sleep(2);
    running -= 1;
  };
  await Promise.all([semaphore.acquire(alone), semaphore.acquire(alone), semaphore.acquire(alone)]);
});

it('releases a permit when its work fails', async () => {
  const semaphore = createSemaphore(1, 10_000);
  await expect(semaphore.acquire(() => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
  expect(await semaphore.acquire(async () => 'next')).toBe('next');
});
