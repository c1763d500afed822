/** What the suite prints holds no token and no secret, whatever the server answers. */

export interface Redact {
  /** From now on this text is taken out. */
  learn(secret: string): void;
  /** Cut, on one line, with what is secret and whatever has the form of a token replaced. */
  (text: string): string;
}

/** Characters of one value that are shown. */
const longest = 200;

/** Three or five parts of base64url, of which the first begins as a JSON object does. */
const tokenLike = /e(?:y|w)[\w-]{6,}(?:\.[\w-]*)*/g;

/** Controls, and characters that turn the direction of text. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

export function createRedact(): Redact {
  const secrets = new Set<string>();
  const redact = (text: string): string => {
    let shown = text;
    for (const secret of secrets) shown = shown.replaceAll(secret, '[secret]');
    shown = shown.replace(tokenLike, '[token]').replace(unprintable, ' ');
    return shown.length > longest ? `${shown.slice(0, longest - 1)}…` : shown;
  };
  const learn = (secret: string): void => {
    // Short ones are no secrets, and would tear words apart.
    if (secret.length >= 8) secrets.add(secret);
  };
  return Object.assign(redact, { learn });
}
