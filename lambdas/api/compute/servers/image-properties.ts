/** The properties of an image that Nova knows, and so shows with a server (microversion 2.98); the others of an image stay out of its answers. */

const words = (list: string) => list.trim().split(/\s+/);

const known = new Set([
  ...words(`
    architecture emulation_architecture auto_disk_config boot_menu cdrom_bus cpu_cores cpu_sockets cpu_max_cores
    cpu_max_sockets cpu_max_threads cpu_policy cpu_thread_policy cpu_realtime_mask cpu_threads device_id disk_bus disk_type
    floppy_bus firmware_type firmware_stateless input_bus ipxe_boot locked_memory machine_type mem_encryption
    mem_encryption_model mem_page_size numa_nodes numa_cpus numa_mem pci_numa_affinity_policy pointer_model pmu
    qemu_guest_agent rescue_bus rescue_device rng_model time_hpet serial_port_count scsi_model video_model video_ram
    vif_model viommu_model vm_mode watchdog_action vif_multiqueue_enabled tpm_model tpm_version ephemeral_encryption
    ephemeral_encryption_format ephemeral_encryption_secret_uuid virtio_packed_ring maxphysaddr_mode maxphysaddr_bits
    sound_model usb_model redirected_usb_ports
  `).map((name) => `hw_${name}`),
  ...words(`
    bittorrent bdm_v2 block_device_mapping cache_in_nova compression_level hv_requested_version hv_type config_drive
    linked_clone mappings owner_id root_device_name use_agent version signature signature_hash_method
    signature_certificate_uuid signature_key_type hide_hypervisor_id
  `).map((name) => `img_${name}`),
  ...words(`
    admin_user command_line distro require_quiesce secure_boot skip_agent_inject_files_at_boot skip_agent_inject_ssh type
  `).map((name) => `os_${name}`),
  'traits_required',
  // Names of old that images still carry.
  ...words(`
    architecture owner_id vmware_disktype vmware_image_version vmware_ostype auto_disk_config ipxe_boot xenapi_device_id
    xenapi_image_compression_level vmware_linked_clone xenapi_use_agent xenapi_skip_agent_inject_ssh
    xenapi_skip_agent_inject_files_at_boot cache_in_nova vm_mode bittorrent mappings block_device_mapping bdm_v2
    root_device_name hypervisor_version_requires hypervisor_type
  `),
]);

/** Returns whether Nova knows a property of an image by this name. */
export function isImageProperty(name: string): boolean {
  return known.has(name);
}
