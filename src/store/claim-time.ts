/**
 * Seconds that the claim of what is good once outlives it. A clock that was ahead, and is set back, would else make it good again after
 * its claim has gone.
 */
export const claimMargin = 3600;
