/** Extra specs of flavors and properties of images, as operators write them: what the scheduler would silently pass over is refused. */
import { BadRequest } from './errors.ts';

/** Nova's for extra specs. */
const keyForm = /^[a-zA-Z0-9-_:. ]{1,255}$/;
const longestValue = 255;
/** Placement's for traits. */
const traitForm = /^[A-Z0-9_]{1,255}$/;

/** Returns the trait that a key names, as Placement has it: `trait:HW_CPU_X86_AVX2`, or with the name of a group before the colon; undefined for other keys. */
export function traitOf(key: string): string | undefined {
  return /^trait[a-zA-Z0-9_-]*:(.*)$/.exec(key)?.[1];
}

/** Glance's default for `image_property_quota`. A boot carries those of its image from state to state, and Step Functions bounds a state. */
export const mostProperties = 128;

/** @throws BadRequest when an image would have more properties than it may. */
export function checkPropertyCount(attempted: number): void {
  if (attempted <= mostProperties) return;
  throw new BadRequest(
    `The limit has been exceeded on the number of allowed image properties. Attempted: ${attempted}, Maximum: ${mostProperties}`,
  );
}

/** @throws BadRequest that says what is wrong with which. */
export function checkProperties(properties: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(properties)) {
    if (!keyForm.test(key)) {
      throw new BadRequest(`"${key}" is no key: it takes up to 255 letters, digits, spaces, hyphens, underscores, colons and dots.`);
    }
    if (value.length > longestValue) throw new BadRequest(`The value of ${key} is longer than ${longestValue} characters.`);
    const trait = traitOf(key);
    if (trait === undefined) continue;
    if (!traitForm.test(trait)) throw new BadRequest(`"${key}" names no trait: traits are capital letters, digits and underscores.`);
    if (value !== 'required' && value !== 'forbidden') throw new BadRequest(`${key} is required or forbidden, not "${value}".`);
  }
}
