/**
 * Finds the route of a request. A static segment beats a parameter; a known path with another method is 405, everything else unknown is 404, and so
 * is a route outside its microversions.
 */
import { type Microversion, microversions } from '../../compute/microversions.ts';
import { HttpError, notFound } from '../pipeline/http-error.ts';
import type { Route } from './route.ts';

/** A route and the values of its path parameters. */
export interface FoundRoute {
  route: Route;
  params: Readonly<Record<string, string>>;
}

/** Returns which route serves a method, a path and a microversion; a fault is returned, because a client without a token must not see it. */
export type RouteTable = (method: string, path: string | undefined, microversion: Microversion) => FoundRoute | HttpError;

interface Pattern {
  route: Route;
  segments: string[];
}

/**
 * Builds the table.
 * @throws Error when two routes have the same method and path in the same microversion.
 */
export function routeTable(routes: readonly Route[]): RouteTable {
  refuseDuplicates(routes);
  const patterns: Pattern[] = routes.map((route) => ({ route, segments: split(route.path) })).sort(bySpecificity);
  return (method, path, microversion) => {
    if (path === undefined || path.includes('\0')) return notFound();
    const segments = split(path);
    const known = patterns.filter((pattern) => matches(pattern.segments, segments));
    if (known.length === 0) return notFound();
    const wanted = known.filter(({ route }) => route.method === method);
    if (wanted.length === 0) return methodNotAllowed(known);
    const served = wanted.find(({ route }) => route.isIn(microversion));
    return served ? { route: served.route, params: parameters(served.segments, segments) } : notFound();
  };
}

function methodNotAllowed(known: readonly Pattern[]): HttpError {
  const allowed = [...new Set(known.map(({ route }) => route.method))].sort().join(', ');
  return new HttpError(405, 'The method specified is not allowed for this resource.', { Allow: allowed });
}

function split(path: string): string[] {
  return path.split('/').slice(1);
}

function isParameter(segment: string): boolean {
  return segment.startsWith('{');
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  if (pattern.length !== segments.length) return false;
  return pattern.every((part, index) => (isParameter(part) ? segments[index] !== '' : part === segments[index]));
}

function parameters(pattern: readonly string[], segments: readonly string[]): Record<string, string> {
  const pairs = pattern.map((part, index) => [part.slice(1, -1), segments[index] ?? '', part] as const);
  return Object.fromEntries(pairs.filter(([, , part]) => isParameter(part)).map(([name, value]) => [name, value]));
}

/** Orders patterns so that the first match is the one with the earlier static segment. */
function bySpecificity(one: Pattern, other: Pattern): number {
  const shape = ({ segments }: Pattern) => segments.map((segment) => (isParameter(segment) ? '1' : '0')).join('');
  return shape(one) < shape(other) ? -1 : shape(one) > shape(other) ? 1 : 0;
}

function refuseDuplicates(routes: readonly Route[]): void {
  const seen = new Map<string, Route[]>();
  for (const route of routes) {
    const key = `${route.method} ${route.path.replace(/\{[^}]*\}/g, '{}')}`;
    const others = seen.get(key) ?? [];
    const overlap = others.some((other) => microversions.some((each) => route.isIn(each) && other.isIn(each)));
    if (overlap) throw new Error(`${key} has two routes in the same microversion`);
    seen.set(key, [...others, route]);
  }
}
