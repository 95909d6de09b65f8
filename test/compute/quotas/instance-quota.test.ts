/** Nova's default limits, and the sentence for a request that passes one. */
import { expect, test } from 'vitest';
import { defaultLimits, quotaExceeded } from '../../../compute/quotas/instance-quota.ts';
import { quotaDefaults } from '../../../compute/quotas/quotas.ts';

test("the defaults are Nova's", () => {
  expect(defaultLimits).toEqual({ instances: 10, cores: 20, ram: 51_200 });
  expect(quotaDefaults).toEqual({
    ...{ instances: 10, cores: 20, ram: 51_200, metadata_items: 128, key_pairs: 100, server_groups: 10, server_group_members: 10 },
    ...{ injected_files: 5, injected_file_content_bytes: 10_240, injected_file_path_bytes: 255 },
    ...{ fixed_ips: -1, floating_ips: -1, security_groups: -1, security_group_rules: -1 },
  });
});

/** Of a project that may use 10 of each and uses 4. */
const sentence = (flavor: { vcpus: number; memory_mb: number }, min = 1, max = min, limits = {}) =>
  quotaExceeded({ limits: { instances: 10, cores: 10, ram: 10, ...limits }, used: { instances: 4, cores: 4, ram: 4 } }, flavor, min, max)
    ?.message;

test('what just fills a limit passes none, and one more does', () => {
  expect(sentence({ vcpus: 1, memory_mb: 1 }, 6)).toBeUndefined();
  expect(sentence({ vcpus: 0, memory_mb: 0 }, 7)).toBe('Quota exceeded for instances: Requested 7, but already used 4 of 10 instances');
  expect(sentence({ vcpus: 6, memory_mb: 6 })).toBeUndefined();
  expect(sentence({ vcpus: 7, memory_mb: 6 })).toBe('Quota exceeded for cores: Requested 7, but already used 4 of 10 cores');
  expect(sentence({ vcpus: 6, memory_mb: 7 })).toBe('Quota exceeded for ram: Requested 7, but already used 4 of 10 ram');
});

test('a limit of 0 lets nothing pass, one of -1 everything', () => {
  expect(sentence({ vcpus: 1, memory_mb: 1 }, 1, 1, { cores: 0 })).toBe(
    'Quota exceeded for cores: Requested 1, but already used 4 of 0 cores',
  );
  expect(sentence({ vcpus: 1_000, memory_mb: 1_000 }, 9, 9, { instances: -1, cores: -1, ram: -1 })).toBeUndefined();
});

test('all limits that the most asked for passes are named, but only when the least passes one', () => {
  expect(sentence({ vcpus: 2, memory_mb: 2 }, 3, 9)).toBeUndefined();
  expect(sentence({ vcpus: 2, memory_mb: 3 }, 3, 5)).toBe(
    'Quota exceeded for cores, ram: Requested 10, 15, but already used 4, 4 of 10, 10 cores, ram',
  );
  expect(sentence({ vcpus: 1, memory_mb: 0 }, 7, 8)).toBe(
    'Quota exceeded for cores, instances: Requested 8, 7-8, but already used 4, 4 of 10, 10 cores, instances',
  );
});
