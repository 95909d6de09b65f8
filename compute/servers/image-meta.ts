/**
 * What Nova reads of an image's properties. A value that it cannot read is refused before the boot is accepted: no host could make sense of it.
 * Names and values are those of Nova's ImageMetaProps (nova/objects/image_meta.py).
 */
import { BadRequest } from '../../common/errors.ts';
import { cpuPolicies, parseCpus, perNode, pythonInteger, threadPolicies } from './hardware.ts';

const words = (list: string) => list.trim().split(/\s+/);

/** Returns why a value is none; undefined when it is one. */
type Check = (value: string) => string | undefined;

function oneOf(list: string | readonly string[], canonical: (value: string) => string = (value) => value): Check {
  const known = new Set(typeof list === 'string' ? words(list) : list);
  return (value) => (known.has(canonical(value)) ? undefined : `Field value ${canonical(value)} is invalid`);
}

const named =
  (name: string, list: string, aliases = ''): Check =>
  (value) =>
    words(`${list} ${aliases}`).includes(value.toLowerCase()) ? undefined : `${name} '${value}' is not valid`;

const integer: Check = (value) => (Number.isNaN(pythonInteger(value)) ? `invalid literal for int() with base 10: '${value}'` : undefined);

const lower = (value: string) => value.toLowerCase();
const diskBus = oneOf('fdc ide sata scsi usb virtio xen lxc uml');
const architecture = named(
  'Architecture name',
  `alpha armv6 armv7 armv7b aarch64 cris i686 ia64 lm32 m68k microblaze microblazeel mips mipsel mips64 mips64el openrisc parisc parisc64 ppc ppcle ppc64
   ppc64le ppcemb s390 s390x sh4 sh4eb sparc sparc64 unicore32 x86_64 xtensa xtensaeb`,
  'i386 i486 i586 x86_32 x86_32p amd64',
);
const hypervisor = named(
  'Hypervisor virt type',
  'baremetal bhyve docker fake hyperv ironic kqemu kvm lxc lxd openvz parallels phyp qemu test uml vbox vz vmware xen zvm prsm',
  // The type of simulated hosts is ours.
  'xapi simulated',
);
const vmMode = named('Virtual machine mode', 'hvm xen uml exe', 'pv hv baremetal');
const vifModels = oneOf(
  `virtio ne2k_pci pcnet rtl8139 e1000 e1000e netfront spapr-vlan lan9118 sriov vmxnet vmxnet3 igb
   virtuale1000 virtuale1000e virtualpcnet32 virtualsriovethernetcard virtualvmxnet virtualvmxnet3`,
  lower,
);

const checks = new Map<string, Check>([
  ...words(`hw_cpu_cores hw_cpu_sockets hw_cpu_threads hw_cpu_max_cores hw_cpu_max_sockets hw_cpu_max_threads hw_device_id hw_numa_nodes hw_serial_port_count
            hw_video_ram hw_maxphysaddr_bits hw_redirected_usb_ports img_compression_level img_version
            xenapi_device_id xenapi_image_compression_level vmware_image_version`).map((name): [string, Check] => [name, integer]),
  ...words('hw_disk_bus hw_cdrom_bus hw_floppy_bus hw_rescue_bus').map((name): [string, Check] => [name, diskBus]),
  ...words('hw_architecture hw_emulation_architecture architecture').map((name): [string, Check] => [name, architecture]),
  ...words('img_hv_type hypervisor_type').map((name): [string, Check] => [name, hypervisor]),
  ...words('hw_vm_mode vm_mode').map((name): [string, Check] => [name, vmMode]),
  ['hw_cpu_policy', oneOf(cpuPolicies)],
  ['hw_cpu_thread_policy', oneOf(threadPolicies)],
  ['hw_firmware_type', oneOf('uefi bios')],
  ['hw_input_bus', oneOf('usb virtio')],
  ['hw_mem_encryption_model', oneOf('amd-sev amd-sev-es amd-sev-snp')],
  ['hw_pci_numa_affinity_policy', oneOf('required legacy preferred socket')],
  ['hw_pointer_model', oneOf('usbtablet')],
  ['hw_rescue_device', oneOf('cdrom disk floppy fs lun')],
  ['hw_rng_model', oneOf('virtio')],
  ['hw_scsi_model', oneOf('buslogic ibmvscsi lsilogic lsisas1068 lsisas1078 virtio-scsi vmpvscsi lsilogicsas paravirtual', lower)],
  ['hw_video_model', oneOf('cirrus qxl vga vmvga xen virtio gop none bochs')],
  ['hw_vif_model', vifModels],
  ['hw_viommu_model', oneOf('intel smmuv3 virtio auto')],
  ['hw_watchdog_action', oneOf('none pause poweroff reset disabled')],
  ['hw_tpm_model', oneOf('tpm-tis tpm-crb')],
  ['hw_tpm_version', oneOf('1.2 2.0')],
  ['hw_ephemeral_encryption_format', oneOf('plain luks luksv2')],
  ['hw_maxphysaddr_mode', oneOf('passthrough emulate')],
  ['hw_sound_model', oneOf('sb16 es1370 pcspk ac97 ich6 ich9 usb virtio')],
  ['hw_usb_model', oneOf('none nec-xhci qemu-xhci')],
  ['img_config_drive', oneOf('optional mandatory')],
  ['img_signature_hash_method', oneOf('SHA-224 SHA-256 SHA-384 SHA-512')],
  ['img_signature_key_type', oneOf('DSA ECC_SECP384R1 ECC_SECP521R1 ECC_SECT409K1 ECC_SECT409R1 ECC_SECT571K1 ECC_SECT571R1 RSA-PSS')],
  ['os_secure_boot', oneOf('required disabled optional')],
  ['os_type', oneOf('linux windows', lower)],
]);

type Properties = Readonly<Record<string, string>>;

/** @throws BadRequest for the first property that Nova could not read. */
export function checkImageProperties(properties: Properties): void {
  for (const [name, value] of Object.entries(properties)) checkValue(checks.get(name), value);
  perNode(properties, 'hw_numa_mem', (value) => checkValue(integer, value));
  perNode(properties, 'hw_numa_cpus', parseCpus);
}

function checkValue(check: Check | undefined, value: string): void {
  const why = check?.(value);
  if (why !== undefined) throw new BadRequest(`Invalid image metadata. Error: ${why}`);
}
