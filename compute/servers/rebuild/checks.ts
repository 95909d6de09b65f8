/** What a rebuild names must exist, fit its server and be allowed. In Nova's order, so that of several faults the one is reported that Nova would report. */
import { readBoolean } from '../../../common/boolean-words.ts';
import type { Caller } from '../../../common/caller.ts';
import { BadRequest } from '../../../common/errors.ts';
import { traitOf } from '../../../common/properties.ts';
import type { BootImage } from '../../../database/api/servers/boot-choices.ts';
import type { InstanceMapping } from '../../../database/api/servers/instance-mappings.ts';
import type { RebuildChoices } from '../../../database/api/servers/rebuild-choices.ts';
import type { RequestSpec } from '../../../database/api/servers/request-spec.ts';
import type { QuotaName } from '../../quotas/quotas.ts';
import { imagePropertiesFilter } from '../../scheduler/filters/image-properties-filter.ts';
import { checkFit, checkItems } from '../boot-checks.ts';
import { checkHardware } from '../hardware.ts';
import { checkImageProperties } from '../image-meta.ts';
import type { RebuildRequest } from './rebuild-server.ts';

/** What was found of a rebuild. */
export type FoundRebuild = InstanceMapping & RebuildChoices<QuotaName>;

/**
 * Returns the image of a rebuild that may be accepted, if its server's state allows it.
 * @param onVolume whether the server has its root disk on a volume.
 * @throws BadRequest, Forbidden.
 */
export function checkRebuild(caller: Caller, request: RebuildRequest, found: FoundRebuild, onVolume: boolean): BootImage {
  const { keyName, imageId, autoDiskConfig, trustedCerts, metadata = {}, files } = request;
  const { spec, image, kernelExists, keyPair, limits } = found;
  if (keyName && !keyPair) throw new BadRequest('Invalid key_name provided.');
  if (!image) throw noImage();
  if (autoDiskConfig && image.properties.auto_disk_config?.trim().toLowerCase() === 'disabled') {
    throw new BadRequest(`Requested image ${image.id} has automatic disk resize disabled.`);
  }
  checkImageProperties(image.properties);
  if (onVolume) checkOnVolume(image.id, spec, trustedCerts ?? null, request.reimagesVolumes);
  checkItems({ metadata, files }, limits);
  if (image.properties.cinder_encryption_key_id) {
    throw unacceptable(image.id, 'Direct booting of an image uploaded from an encrypted volume is unsupported.');
  }
  if (spec) {
    checkFit(spec.flavor, image, onVolume ? { destination_type: 'volume', volume_size: null } : undefined, caller);
    const topology = checkHardware(spec.flavor, image.properties);
    if (spec.image?.id !== imageId && !sameTopology(topology, spec)) {
      throw new BadRequest(
        "An instance's NUMA topology cannot be changed as part of a rebuild. The image provided is invalid for this instance.",
      );
    }
  }
  if (!kernelExists) throw noImage();
  return image;
}

/** Returns whether disks are resized with the flavor, as an image says where a client does not. */
export function autoDiskConfigOf({ properties }: BootImage): boolean {
  return readBoolean(properties.auto_disk_config ?? '') ?? false;
}

/** A host takes an image that it can run: what is left of the scheduling of a boot when the host is given. */
const noValidHost = (reason: string) => `No valid host was found. ${reason}`;
const traitsOfHost =
  'Image traits cannot be satisfied by the current resource providers. Either specify a different image during rebuild or create a new server with the specified image.';
const traitsOfFlavor =
  'Image traits are part of forbidden traits in flavor associated with the server. Either specify a different image during rebuild or create a new server with the specified image and a compatible flavor.';

/** Returns why the host of a server cannot run another image, in Nova's words; undefined when it can, or when the image stays the same. */
export function rejectImage({ spec, hostClass }: FoundRebuild, image: BootImage): string | undefined {
  if (!spec || spec.image?.id === image.id) return undefined;
  const host = hostClass ?? { capabilities: {}, traits: [] };
  const required = traitsThatAre('required', image.properties);
  const forbidden = traitsThatAre('forbidden', spec.flavor.extra_specs);
  if (required.some((trait) => forbidden.includes(trait))) return noValidHost(traitsOfFlavor);
  if (required.some((trait) => !host.traits.includes(trait))) return noValidHost(traitsOfHost);
  const rejected = imagePropertiesFilter.rejectionReason(host, { ...spec, image }) !== undefined;
  return rejected ? noValidHost('There are not enough hosts available.') : undefined;
}

function traitsThatAre(wish: string, properties: Readonly<Record<string, string>>): string[] {
  return Object.entries(properties).flatMap(([key, value]) => (value === wish ? (traitOf(key) ?? []) : []));
}

function noImage(): BadRequest {
  return new BadRequest('Cannot find image for rebuild');
}

function unacceptable(image: string, reason: string): BadRequest {
  return new BadRequest(`Image ${image} is unacceptable: ${reason}`);
}

/** What is on a volume is written anew since the microversion that says so. */
function checkOnVolume(image: string, spec: RequestSpec | null, certificates: string[] | null, reimages: boolean): void {
  if (certificates) throw new BadRequest('Image certificate validation is not supported for volume-backed servers.');
  if (!reimages && spec?.image?.id !== image) {
    throw unacceptable(image, 'Unable to rebuild with a different image for a volume-backed server.');
  }
}

function sameTopology(topology: object | null, { flavor, image }: RequestSpec): boolean {
  return JSON.stringify(topology) === JSON.stringify(checkHardware(flavor, image?.properties ?? {}));
}
