/** A job of GitHub Actions that has the permission `id-token: write`. */
import { jwtType } from '../../../attestors/token-types.js';
import { request, textOf } from '../http.js';
import type { Platform } from '../platform.js';

export const githubActions = Object.freeze<Platform>({
  name: 'github-actions',
  isHere: async ({ env }) => env.GITHUB_ACTIONS === 'true',
  async *show({ audience }, { env }) {
    const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer } = env;
    if (!url || !bearer) {
      throw new Error('this job may not ask for an ID token: give it `permissions: { id-token: write }`');
    }
    const target = new URL(url);
    target.searchParams.set('audience', audience);
    const answer = await request(target, { headers: { Authorization: `Bearer ${bearer}` } });
    yield { tokenType: jwtType, token: textOf(answer, 'value', 'GitHub') };
  },
});
