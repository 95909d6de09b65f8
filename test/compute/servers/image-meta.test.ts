/** What Nova can read of image properties and extra specs, and its sentences for the rest. */
import { describe, expect, test } from 'vitest';
import { checkHardware, checkImageProperties } from '../../../compute/servers/image-meta.ts';

/** Returns the sentence, or undefined when nothing is wrong. */
function refusal(check: () => void): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

describe('a property of an image', () => {
  test.each([
    ['hw_architecture', 'x64', "Architecture name 'x64' is not valid"],
    ['architecture', 'x64', "Architecture name 'x64' is not valid"],
    ['hw_architecture', '__proto__', "Architecture name '__proto__' is not valid"],
    ['img_hv_type', 'esx', "Hypervisor virt type 'esx' is not valid"],
    ['hw_vm_mode', 'para', "Virtual machine mode 'para' is not valid"],
    ['hw_disk_bus', 'floppybus', 'Field value floppybus is invalid'],
    ['hw_disk_bus', 'constructor', 'Field value constructor is invalid'],
    ['hw_cdrom_bus', '', 'Field value  is invalid'],
    ['hw_numa_nodes', 'two', "invalid literal for int() with base 10: 'two'"],
    ['hw_numa_mem.0', '1G', "invalid literal for int() with base 10: '1G'"],
    ['hw_cpu_cores', '1.5', "invalid literal for int() with base 10: '1.5'"],
    ['hw_cpu_policy', 'bogus', 'Field value bogus is invalid'],
    ['hw_vif_model', 'NE2000', 'Field value ne2000 is invalid'],
    ['img_config_drive', 'always', 'Field value always is invalid'],
    ['os_type', 'BeOS', 'Field value beos is invalid'],
  ])('%s=%s is refused', (name, value, why) => {
    expect(refusal(() => checkImageProperties({ [name]: value }))).toBe(`Invalid image metadata. Error: ${why}`);
  });

  test.each([
    ...[
      ['hw_architecture', 'AMD64'],
      ['architecture', 'i386'],
      ['img_hv_type', 'xapi'],
      ['hw_vm_mode', 'HVM'],
      ['vm_mode', 'pv'],
    ],
    ...[
      ['hw_disk_bus', 'virtio'],
      ['hw_numa_nodes', ' 2'],
      ['hw_numa_mem.0', '512'],
      ['hw_vif_model', 'VirtualE1000'],
      ['os_type', 'Linux'],
    ],
    ...[
      ['hw_scsi_model', 'lsiLogicSAS'],
      ['os_distro', 'anything'],
      ['colour', 'blue'],
      ['constructor', 'x'],
      ['hw_qemu_guest_agent', 'maybe'],
    ],
  ])('%s=%s is read, or is not for Nova', (name = '', value = '') => {
    expect(refusal(() => checkImageProperties({ [name]: value }))).toBeUndefined();
  });
});

describe('what a flavor asks of hardware', () => {
  const policies = "('dedicated', 'shared', 'mixed')";
  const pinned = "Image property 'hw_cpu_policy' is not permitted to override CPU pinning policy set against the flavor";
  test.each<[Record<string, string>, Record<string, string>, string]>([
    [
      { 'hw:cpu_policy': 'bogus' },
      {},
      `CPU policy requested from 'flavor extra specs' is invalid, given: 'bogus', available: '${policies}'.`,
    ],
    [
      { 'hw:cpu_thread_policy': 'bogus' },
      {},
      "CPU thread policy requested from 'flavor extra specs' is invalid, given: 'bogus', available: '('prefer', 'isolate', 'require')'.",
    ],
    [{ 'hw:mem_page_size': 'foo' }, {}, "Invalid memory page size 'foo'"],
    [{ 'hw:mem_page_size': 'large' }, { hw_mem_page_size: 'foo' }, "Invalid memory page size 'foo'"],
    [{ 'hw:mem_page_size': 'small' }, { hw_mem_page_size: '4' }, "Page size 4 forbidden against 'small'"],
    [{}, { hw_mem_page_size: '4' }, "Page size 4 forbidden against '<empty>'"],
    [{ 'hw:numa_nodes': 'two' }, {}, "The property 'numa_nodes' cannot be 'two'. It must be a number greater than 0"],
    [{ 'hw:numa_nodes': '0' }, {}, "The property 'numa_nodes' cannot be '0'. It must be a number greater than 0"],
    [{}, { hw_numa_nodes: '-1' }, "The property 'numa_nodes' cannot be '-1'. It must be a number greater than 0"],
    [
      { 'hw:numa_nodes': '1' },
      { hw_numa_nodes: '1' },
      "Image property 'hw_numa_nodes' is not permitted to override NUMA configuration set against the flavor",
    ],
    [{ 'hw:cpu_policy': 'shared' }, { hw_cpu_policy: 'dedicated' }, pinned],
    [{ 'hw:cpu_policy': 'shared' }, { hw_cpu_policy: 'mixed' }, pinned],
    [{ 'hw:cpu_policy': 'mixed' }, { hw_cpu_policy: 'dedicated' }, pinned],
    [
      { 'hw:cpu_thread_policy': 'isolate' },
      { hw_cpu_thread_policy: 'require' },
      "Image property 'hw_cpu_thread_policy' is not permitted to override CPU thread pinning policy set against the flavor",
    ],
  ])('%j with an image of %j is refused', (specs, properties, message) => {
    expect(refusal(() => checkHardware(specs, properties))).toBe(message);
  });

  test.each<[Record<string, string>, Record<string, string>]>([
    [
      { 'hw:cpu_policy': 'dedicated', 'hw:cpu_thread_policy': 'prefer' },
      { hw_cpu_policy: 'shared', hw_cpu_thread_policy: 'require' },
    ],
    [{ 'hw:cpu_policy': 'mixed' }, { hw_cpu_policy: 'mixed' }],
    [{ 'hw:mem_page_size': '2MB', 'hw:numa_nodes': '2' }, {}],
    [{ 'hw:mem_page_size': 'any' }, { hw_mem_page_size: '2048' }],
    [{}, { hw_numa_nodes: '2', hw_cpu_policy: 'dedicated' }],
  ])('%j with an image of %j is accepted', (specs, properties) => {
    expect(refusal(() => checkHardware(specs, properties))).toBeUndefined();
  });
});
