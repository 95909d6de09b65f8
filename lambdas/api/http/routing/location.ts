/** A service knows its routes by paths below its own root; a location is such a path and what the root said about the request. */

/** What the path of a request means to a service. */
export interface Location {
  /** The path as the route table spells it. */
  path: string;
  /** Whether the request may choose a microversion. */
  versioned: boolean;
  /** The project named in the path; it must be the one of the token. */
  projectId?: string;
}

/** Finds the location of a path (without trailing slash), or none when the path is outside the service. */
export type Locate = (path: string) => Location | undefined;

/** Makes the `Locate` of a service without microversions whose paths all stand below a prefix such as `/identity`. */
export function below(prefix: string): Locate {
  return (path) => {
    if (path === prefix) return { path: '/', versioned: false };
    return path.startsWith(`${prefix}/`) ? { path: path.slice(prefix.length), versioned: false } : undefined;
  };
}
