/**
 * What Nova reads of an image's properties. A value that it cannot read is refused before the boot is accepted: no host could make sense of it.
 * Names and values are those of Nova's ImageMetaProps (nova/objects/image_meta.py).
 */
import { BadRequest } from '../../common/errors.ts';
import { cpuPolicies, noInteger, parseCpus, perNode, pythonInteger, threadPolicies } from './hardware.ts';

const words = (list: string) => list.trim().split(/\s+/);

/** Returns why a value is none; undefined when it is one. */
type Check = (value: string) => string | undefined;

function oneOf(list: string, canonical: (value: string) => string = (value) => value): Check {
  const known = new Set(words(list));
  return (value) => (known.has(canonical(value)) ? undefined : `Field value ${canonical(value)} is invalid`);
}

function named(name: string, list: string): Check {
  const known = new Set(words(list));
  return (value) => (known.has(value.toLowerCase()) ? undefined : `${name} '${value}' is not valid`);
}

const integer: Check = (value) => (Number.isNaN(pythonInteger(value)) ? noInteger(value) : undefined);

const lower = (value: string) => value.toLowerCase();
const architecture = named(
  'Architecture name',
  `alpha armv6 armv7l armv7b aarch64 cris i686 ia64 lm32 m68k microblaze microblazeel mips mipsel mips64 mips64el openrisc parisc parisc64 ppc ppcle ppc64
   ppc64le ppcemb s390 s390x sh4 sh4eb sparc sparc64 unicore32 x86_64 xtensa xtensaeb
   i386 i486 i586 x86_32 x86_32p amd64`,
);
const hypervisor = named(
  'Hypervisor virt type',
  // The last is ours, of simulated hosts.
  'baremetal bhyve docker fake hyperv ironic kqemu kvm lxc lxd openvz parallels phyp qemu test uml vbox vz vmware xen zvm prsm xapi simulated',
);
const vmMode = named('Virtual machine mode', 'hvm xen uml exe pv hv baremetal');
const vifModels = oneOf(
  `virtio ne2k_pci pcnet rtl8139 e1000 e1000e netfront spapr-vlan lan9118 sriov vmxnet vmxnet3 igb
   virtuale1000 virtuale1000e virtualpcnet32 virtualsriovethernetcard virtualvmxnet virtualvmxnet3`,
  lower,
);

const scsiModel = oneOf('buslogic ibmvscsi lsilogic lsisas1068 lsisas1078 virtio-scsi vmpvscsi lsilogicsas paravirtual', lower);

/** What follows the numbers of a version is looked at less closely than in Python. */
const condition = /^\s*([<>]=?|[!=]=)\s*v?\d+(\.\d+)*(-\d+|[-+._]?[a-z][\w.+-]*)?\s*$/i;
const versions: Check = (value) =>
  value.split(',').every((part) => condition.test(part))
    ? undefined
    : `Version ${value} is not a valid predicate in field img_hv_requested_version`;

/** Names that are of one kind, and a check or the values there are. */
const kinds: [string, Check | string][] = [
  [
    `hw_cpu_cores hw_cpu_sockets hw_cpu_threads hw_cpu_max_cores hw_cpu_max_sockets hw_cpu_max_threads hw_device_id hw_numa_nodes hw_serial_port_count
     hw_video_ram hw_maxphysaddr_bits hw_redirected_usb_ports img_compression_level img_version
     xenapi_device_id xenapi_image_compression_level vmware_image_version`,
    integer,
  ],
  ['hw_disk_bus hw_cdrom_bus hw_floppy_bus hw_rescue_bus', 'fdc ide sata scsi usb virtio xen lxc uml'],
  ['hw_architecture hw_emulation_architecture architecture', architecture],
  ['img_hv_type hypervisor_type', hypervisor],
  ['hw_vm_mode vm_mode', vmMode],
  ['hw_cpu_policy', cpuPolicies.join(' ')],
  ['hw_cpu_thread_policy', threadPolicies.join(' ')],
  ['hw_firmware_type', 'uefi bios'],
  ['hw_input_bus', 'usb virtio'],
  ['hw_mem_encryption_model', 'amd-sev amd-sev-es amd-sev-snp intel-tdx'],
  ['hw_pci_numa_affinity_policy', 'required legacy preferred socket'],
  ['hw_pointer_model', 'usbtablet'],
  ['hw_rescue_device', 'cdrom disk floppy fs lun'],
  ['hw_rng_model', 'virtio'],
  ['hw_scsi_model', scsiModel],
  ['vmware_adaptertype', (value) => (['', 'ide'].includes(value) ? undefined : scsiModel(value))],
  ['hw_video_model', 'cirrus qxl vga vmvga xen virtio gop none bochs'],
  ['hw_vif_model', vifModels],
  ['hw_viommu_model', 'intel smmuv3 virtio auto'],
  ['hw_watchdog_action', 'none pause poweroff reset disabled'],
  ['hw_tpm_model', 'tpm-tis tpm-crb'],
  ['hw_tpm_version', '1.2 2.0'],
  ['hw_ephemeral_encryption_format', 'plain luks luksv2'],
  ['hw_maxphysaddr_mode', 'passthrough emulate'],
  ['hw_sound_model', 'sb16 es1370 pcspk ac97 ich6 ich9 usb virtio'],
  ['hw_usb_model', 'none nec-xhci qemu-xhci'],
  ['img_hv_requested_version hypervisor_version_requires', versions],
  ...['img_block_device_mapping', 'img_mappings'].map((name): [string, Check] => [
    name,
    () => `A list is required in field ${name}, not a str`,
  ]),
  ['img_config_drive', 'optional mandatory'],
  ['img_signature_hash_method', 'SHA-224 SHA-256 SHA-384 SHA-512'],
  ['img_signature_key_type', 'DSA ECC_SECP384R1 ECC_SECP521R1 ECC_SECT409K1 ECC_SECT409R1 ECC_SECT571K1 ECC_SECT571R1 RSA-PSS'],
  ['os_secure_boot', 'required disabled optional'],
  ['os_type', oneOf('linux windows', lower)],
];
const checks = new Map(
  kinds.flatMap(([names, check]) => words(names).map((name) => [name, typeof check === 'string' ? oneOf(check) : check] as const)),
);

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
