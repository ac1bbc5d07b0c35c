/** Text in pictures. */

export const FONT = "'DejaVu Sans', Verdana, 'Segoe UI', Helvetica, Arial, sans-serif";

/** Text between tags or in an attribute, of XML and of HTML. */
export function escapeXml(content: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  // XML 1.0 has no way to write control characters at all, nor halves of surrogate pairs.
  return content.toWellFormed().replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '�').replace(/[&<>"']/g, (c) => entities[c]);
}
