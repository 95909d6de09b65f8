/** What Nova can read of image properties, and its sentences for the rest. */
import { describe, expect, test } from 'vitest';
import { checkImageProperties } from '../../../compute/servers/image-meta.ts';
import { refusal } from '../../fixtures/refusal.ts';

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
    ['img_signature_hash_method', 'MD5', 'Field value MD5 is invalid'],
    ['os_type', 'BeOS', 'Field value beos is invalid'],
  ])('%s=%s is refused', (name, value, why) => {
    expect(refusal(() => checkImageProperties({ [name]: value }))).toBe(`Invalid image metadata. Error: ${why}`);
  });

  test.each([
    ['3-1', "Invalid range expression '3-1'"],
    ['0-x', "Invalid range expression '0-x'"],
    ['-1', "Invalid range expression '-1'"],
    ['0-3,^x', "Invalid exclusion expression '^x'"],
    ['0,one', "Invalid inclusion expression 'one'"],
  ])('hw_numa_cpus.0=%s is refused', (value, why) => {
    expect(refusal(() => checkImageProperties({ 'hw_numa_cpus.0': value }))).toBe(why);
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
      ['hw_numa_cpus.0', '0-2,^1, 4'],
      ['img_signature_hash_method', 'SHA-256'],
      ['os_type', 'Linux'],
    ],
    ...[
      ['hw_scsi_model', 'lsiLogicSAS'],
      ['os_distro', 'anything'],
      ['colour', 'blue'],
      // A list of nodes begins with the first.
      ['hw_numa_mem.1', '1G'],
      ['hw_numa_cpus.1', 'x'],
      ['constructor', 'x'],
      ['hw_qemu_guest_agent', 'maybe'],
    ],
  ])('%s=%s is read, or is not for Nova', (name = '', value = '') => {
    expect(refusal(() => checkImageProperties({ [name]: value }))).toBeUndefined();
  });
});
