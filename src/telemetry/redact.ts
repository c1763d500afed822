/** The last net under log lines: rooms keep secrets out of their messages, and what slips through is taken out here. */
import { redactTokens } from '../text.js';

/** Of the schemes of HTTP what is a secret; AWS signatures in headers and in presigned URLs; passwords in URLs. */
const secrets: readonly (readonly [RegExp, string])[] = [
  [/\b(Bearer|Basic|DPoP)[ \t]+[\w~+/.-]{8,}=*/gi, '$1 [secret]'],
  [/\b(Signature=|X-Amz-(?:Signature|Security-Token|Credential)=)[\w%+/=.-]+/gi, '$1[secret]'],
  [/\b([a-z][a-z0-9+.-]*:\/\/[^\s:@/]*):[^\s@/]+@/gi, '$1:[secret]@'],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, '[secret]'],
];

export function redact(text: string): string {
  return secrets.reduce((redacted, [pattern, by]) => redacted.replace(pattern, by), redactTokens(text));
}
