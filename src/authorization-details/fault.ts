/** What is wrong with authorization details, and where. */

/** Names of members and indexes of lists, from the details on. */
export type Path = readonly (string | number)[];

export class DetailsError extends Error {
  override readonly name = 'DetailsError';
  constructor(
    message: string,
    readonly path: Path,
  ) {
    super(message);
  }
}

/** Where something is read, and how many levels of lists and maps may still follow, itself counted in. */
export interface Place {
  readonly path: Path;
  readonly levels: number;
}

const inside = ({ path, levels }: Place, key: string | number): Place => ({ path: [...path, key], levels: levels - 1 });

/** @throws DetailsError */
export function readMembers(value: unknown, place: Place): readonly (readonly [string, unknown, Place])[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new DetailsError('expected a map', place.path);
  checkLevels(place);
  return Object.entries(value).map(([key, member]) => {
    const at = inside(place, key);
    // It would name the prototype of whatever the map is copied to.
    if (key === '__proto__') throw new DetailsError('no member is called so', at.path);
    return [key, member, at] as const;
  });
}

/** At least one. @throws DetailsError */
export function readItems(value: unknown, place: Place): readonly (readonly [unknown, Place])[] {
  if (!Array.isArray(value) || value.length === 0)
    throw new DetailsError('expected a list of at least one', place.path);
  checkLevels(place);
  return value.map((item: unknown, index) => [item, inside(place, index)] as const);
}

function checkLevels({ path, levels }: Place): void {
  if (levels < 1) throw new DetailsError('too many levels of lists and maps', path);
}

/** What is none of the members that there are. */
export function unknownMember({ path }: Place, known: readonly string[]): DetailsError {
  return new DetailsError(`unknown key: expected one of ${known.join(', ')}`, path);
}
