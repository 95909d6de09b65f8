import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createSlots } from '../../../../local/aws/step-functions/semaphore.ts';

it('does so many things at once, and the others in the order of their coming', async () => {
  const slots = createSlots(2, 10_000);
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
  expect(await Promise.all([1, 2, 3, 4, 5].map((number) => slots.lend(work(number))))).toEqual([1, 2, 3, 4, 5]);
  expect(order).toEqual([1, 2, 3, 4, 5]);
  expect(most).toBe(2);
});

it('gives a slot on when its work takes too long, and once only', async () => {
  const slots = createSlots(1, 20);
  const slow = slots.lend(() => sleep(200, 'slow'));
  expect(await Promise.race([slow, slots.lend(async () => 'quick')])).toBe('quick');
  expect(await slow).toBe('slow');
  let running = 0;
  const alone = async () => {
    expect(++running).toBe(1);
    await sleep(2);
    running -= 1;
  };
  await Promise.all([slots.lend(alone), slots.lend(alone), slots.lend(alone)]);
});

it('gives a slot back when its work fails', async () => {
  const slots = createSlots(1, 10_000);
  await expect(slots.lend(() => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
  expect(await slots.lend(async () => 'next')).toBe('next');
});
