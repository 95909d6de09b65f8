/** Walks the schema of a request body down to the fields that hold values. */
import * as z from 'zod';

/** A field by its path, `server.networks.tag`: what is in a list or a record stands under the name of the list. */
export interface Field {
  path: string;
  schema: z.core.$ZodType;
}

/** Returns the fields of a schema; one that takes a value of several forms comes once for each form. */
export function fieldsOf(schema: z.core.$ZodType, path = ''): Field[] {
  if (schema instanceof z.ZodObject) {
    const shape: Record<string, z.core.$ZodType> = schema.shape;
    return Object.entries(shape).flatMap(([key, field]) => fieldsOf(field, path === '' ? key : `${path}.${key}`));
  }
  if (schema instanceof z.ZodArray) return fieldsOf(schema.element, path);
  if (schema instanceof z.ZodMap) return fieldsOf(schema.valueType, path);
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => fieldsOf(option, path));
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault) {
    return fieldsOf(schema.unwrap(), path);
  }
  if (schema instanceof z.ZodPipe && schema.in instanceof z.ZodTransform) return fieldsOf(schema.out, path);
  if (schema instanceof z.ZodPipe && [z.ZodObject, z.ZodArray, z.ZodMap].some((kind) => schema.in instanceof kind)) {
    return fieldsOf(schema.in, path);
  }
  return [{ path, schema }];
}
