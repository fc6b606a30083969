/** An entity tag of a condition: `"x"` or `W/"x"`; also `x`, since Box's own etags are sent without quotes. */
export interface EntityTag {
  value: string;
  weak: boolean;
}

/**
 * The tags in an `If-Match`, `If-None-Match` or `If-Range`, or `*` for any (RFC 9110, section 8.8.3). One look at each
 * character; what is no tag is passed over, so that it matches nothing.
 */
export function parseEntityTags(header: string): EntityTag[] | '*' {
  if (header.trim() === '*') return '*';
  const tags: EntityTag[] = [];
  for (let at = 0; at < header.length; ) {
    const weak = header.startsWith('W/"', at);
    const start = weak ? at + 2 : at;
    const quoted = header[start] === '"';
    const end = header.indexOf(quoted ? '"' : ',', start + 1);
    const stop = end < 0 ? header.length : end;
    if (header[at] === ',' || header[at] === ' ' || header[at] === '\t') {
      at += 1;
    } else if (quoted) {
      if (end >= 0) tags.push({ value: header.slice(start + 1, stop), weak });
      at = stop + 1;
    } else {
      tags.push({ value: header.slice(start, stop).trim(), weak: false });
      at = stop;
    }
  }
  return tags;
}
