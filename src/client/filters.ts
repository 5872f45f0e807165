/** Filters as a client gathers them: name to the values asked for. */
export type FilterMap = Record<string, readonly string[]>;

/** The `filters` query parameter; undefined when there is nothing to filter. */
export function encodeFilters(filters: FilterMap | undefined): string | undefined {
  return filters === undefined || Object.keys(filters).length === 0 ? undefined : JSON.stringify(filters);
}
