/** The images of a pod, each with its registry and, once the kubelet has pulled it, its digest. */
import { bounded, type Json, list, map, text } from './fields.js';
import { containersOf, statusesOf } from './pod-security.js';

/**
 * Sorted, each once. `REGISTRY/REPOSITORY[:TAG][@sha256:…]`. A container without a status has the image of its specification
 * alone. One that runs another image than its specification names has both: either may spoil a condition. Images that are mounted as
 * volumes count like containers'.
 * @returns null when they are too many to be kept
 */
export function imagesOf(spec: Json, status: Json): readonly string[] | null {
  const running = new Map(statusesOf(status).map((each) => [each.name, each]));
  const images = containersOf(spec).flatMap(({ name, image }) => imagesOfContainer(text(image), running.get(name)));
  const mounted = list(spec.volumes).flatMap(({ image }) => text(map(image).reference) ?? []);
  const all = [...new Set([...images, ...mounted.map(fullName)])].sort();
  return bounded(Object.freeze(all), all);
}

function imagesOfContainer(specified: string | undefined, status: Json | undefined): string[] {
  const digest = /@(sha256:[0-9a-f]{64})$/.exec(text(status?.imageID) ?? '')?.[1];
  const wanted = specified === undefined ? 'unknown' : fullName(specified);
  const seen = text(status?.image);
  const actual = seen === undefined || seen.startsWith('sha256:') ? wanted : fullName(seen);
  // Of the same repository it may be another tag of the same content, or one from before the specification was changed.
  const isForeign = repositoryOf(actual) !== repositoryOf(wanted);
  const ofSpecification = isForeign || wanted.includes('@') ? wanted : withDigest(wanted, digest);
  return [ofSpecification, withDigest(actual, digest)];
}

const withDigest = (image: string, digest: string | undefined): string =>
  digest === undefined ? image : `${image.replace(/@.*$/, '')}@${digest}`;

const repositoryOf = (image: string): string => image.replace(/@.*$/, '').replace(/:[^/:]*$/, '');

/** As the runtimes complete it: `nginx` is `docker.io/library/nginx`. */
function fullName(image: string): string {
  const [first = '', ...rest] = image.split('/');
  if (rest.length === 0) return `docker.io/library/${image}`;
  if (first === 'docker.io' && rest.length === 1) return `docker.io/library/${rest[0]}`;
  return first.includes('.') || first.includes(':') || first === 'localhost' ? image : `docker.io/${image}`;
}
