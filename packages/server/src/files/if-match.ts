/** Whether an `If-Match` or `If-None-Match` names this etag: `1` and `"1"` alike, several with commas, `*` for any. */
export function namesEtag(header: string, etag: number): boolean {
  return header
    .split(',')
    .map((tag) =>
      tag
        .trim()
        .replace(/^W\//, '')
        .replace(/^"(.*)"$/, '$1'),
    )
    .some((tag) => tag === '*' || tag === String(etag));
}
